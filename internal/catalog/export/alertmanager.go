package export

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"onsale/internal/catalog"
)

// AlertmanagerOptions describe the user's own Alertmanager.
type AlertmanagerOptions struct {
	Pace catalog.Pace
	// Version is the oldest version of Alertmanager that must be able to read the
	// file.
	Version Version
	// DiscordURLFile is the path of the file with the webhook's URL, on
	// Alertmanager's machine. Older versions have no such field, see
	// [NeedsPlaceholder].
	DiscordURLFile string
	// Mention is the Discord mention in critical alerts; empty: none.
	Mention string
	// Receiver gets the alerts instead of Discord. It has its own settings for the
	// webhook and the mention. The zero value means none.
	Receiver Receiver
}

// DefaultAlertmanager returns the options of the committed file. The path of the
// webhook's URL is where containers mount the secret discord_url.
func DefaultAlertmanager() AlertmanagerOptions {
	return AlertmanagerOptions{Pace: catalog.Real(), Version: DefaultVersion(), DiscordURLFile: "/run/secrets/discord_url"}
}

// Version is a version of Alertmanager: major and minor.
type Version struct{ Major, Minor int }

// DefaultVersion returns the first version that can read the webhook's URL from a
// file and mention people.
func DefaultVersion() Version { return Version{0, 28} }

// oldest is the first version that can send to Discord.
var oldest = Version{0, 25}

// ParseVersion parses a version such as 0.25 or v0.28.1.
func ParseVersion(text string) (Version, error) {
	major, rest, ok := strings.Cut(strings.TrimPrefix(text, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	switch {
	case !ok || err1 != nil || err2 != nil || a < 0 || b < 0:
		return Version{}, fmt.Errorf("--alertmanager-version must look like %s, not %q", DefaultVersion(), text)
	case (Version{a, b}).before(oldest):
		return Version{}, fmt.Errorf("--alertmanager-version must be at least %s, the first that can send to Discord, not %s", oldest, text)
	}
	return Version{a, b}, nil
}

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

func (v Version) before(other Version) bool {
	return v.Major < other.Major || v.Major == other.Major && v.Minor < other.Minor
}

// NeedsPlaceholder reports whether the version cannot read the webhook's URL from a
// file. The user then has to write it into the configuration.
func (v Version) NeedsPlaceholder() bool { return v.before(DefaultVersion()) }

// discordReceiver is the name of the receiver, here and in Grafana.
const discordReceiver = "discord"

// placeholder stands for the webhook's URL until the user replaces it. No service
// listens at this address.
const placeholder = "http://127.0.0.1:9/put-the-URL-of-the-webhook-here"

// critical returns a template that adds the text to messages about firing critical
// alerts.
func critical(text string) string {
	return `{{ if and (eq .Status "firing") (eq .CommonLabels.severity "critical") }}` + text + `{{ end }}`
}

// The texts of messages. Discord rejects a title of more than 256 characters or a
// text of more than 4096. Alertmanager before 0.27 does not shorten its default
// texts, so a group of alerts with all labels would be lost. These templates are
// therefore short and list only a few alerts.
const (
	messageTitle = `[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] {{ .GroupLabels.alertname }}`
	messageText  = `{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}
{{ range $i, $a := .Alerts }}{{ if lt $i 6 }}
{{ with .Annotations.summary }}**{{ . }}**{{ else }}**{{ .Labels.alertname }}**{{ end }} {{ .Status }}
{{ .Annotations.description }}
{{ with .Annotations.runbook_url }}{{ . }}
{{ end }}{{ end }}{{ end }}{{ if gt (len .Alerts) 6 }}
… {{ len .Alerts }} in all{{ end }}`
)

type (
	receiversSection struct {
		Receivers []receiverPart `yaml:"receivers"`
	}
	receiverPart struct {
		Name    string        `yaml:"name"`
		Discord []discordPart `yaml:"discord_configs,omitempty"`
		Webhook []webhookPart `yaml:"webhook_configs,omitempty"`
	}
	discordPart struct {
		URL     string `yaml:"webhook_url,omitempty"`
		URLFile string `yaml:"webhook_url_file,omitempty"`
		Content string `yaml:"content,omitempty"`
		Title   string `yaml:"title"`
		Message string `yaml:"message"`
	}
)

// Alertmanager returns the configuration of an Alertmanager that sends alerts to
// Discord or to a receiver. Grouping and inhibition are those of the embedded
// Alertmanager. The configuration does not contain the URL of the Discord webhook,
// which is a secret.
func Alertmanager(o AlertmanagerOptions) ([]byte, error) {
	if err := o.Receiver.validate(); err != nil {
		return nil, err
	}
	if o.Receiver.URL != "" {
		head := header("Alertmanager sends to onsale receiver, which delivers to Discord.") + catalog.Routing(receiverName, o.Pace.Grouping())
		return encode(receiversSection{[]receiverPart{{Name: receiverName, Webhook: []webhookPart{o.Receiver.webhook()}}}}, head)
	}
	discord := discordPart{URLFile: o.DiscordURLFile, Title: messageTitle, Message: messageText}
	about := fmt.Sprintf("Alertmanager %s or newer sends to the Discord webhook whose URL is in the file that webhook_url_file names.", DefaultVersion())
	switch {
	case strings.Contains(o.DiscordURLFile, "://"), strings.Contains(o.DiscordURLFile, "/webhooks/"):
		return nil, errors.New("--discord-url-file must name a file on the Alertmanager's machine: the URL of the webhook is a secret and belongs in that file")
	case o.Version.NeedsPlaceholder():
		if o.Mention != "" {
			return nil, fmt.Errorf("DISCORD_MENTION needs an --alertmanager-version of %s or newer: older versions cannot mention anyone", DefaultVersion())
		}
		discord.URL, discord.URLFile = placeholder, ""
		about = fmt.Sprintf("For Alertmanager before %s: replace webhook_url by the URL of the Discord webhook. The URL is a secret, so do not share this file.", DefaultVersion())
	case o.DiscordURLFile == "" || !isText(o.DiscordURLFile):
		return nil, errors.New("--discord-url-file must name the file that contains the webhook's URL")
	case o.Mention != "":
		discord.Content = critical(o.Mention)
	}
	head := header(about) + catalog.Routing(discordReceiver, o.Pace.Grouping())
	return encode(receiversSection{[]receiverPart{{Name: discordReceiver, Discord: []discordPart{discord}}}}, head)
}
