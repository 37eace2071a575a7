package app

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/endpoint"
	"onsale/internal/monitor"
	"onsale/internal/server"
)

// Watch configures the embedded monitoring of `onsale up` and `onsale monitor`.
type Watch struct {
	// Pace is demo or real.
	Pace string
	// Access has the credentials and TLS settings for the targets of `onsale monitor`.
	Access Access
	// Settings are the thresholds of the alerts, and the name of the scrape job.
	Settings catalog.Settings
	// PrometheusConfig, Rules and AlertmanagerConfig are the user's own files, or empty.
	PrometheusConfig   string
	Rules              []string
	AlertmanagerConfig string
	// RetentionTime and RetentionBytes limit the stored metrics; 0 bytes is no limit.
	RetentionTime  time.Duration
	RetentionBytes int64
	// ExternalURL is the public URL of this server, for links in messages. If it is empty,
	// that is its address on this machine.
	ExternalURL string
	// DiscordURL is DISCORD_URL. If it is empty, alerts stay in the inbox.
	DiscordURL Secret `json:"-"`
	// DiscordMention is DISCORD_MENTION.
	DiscordMention string
}

// Secret is a text that is never printed.
type Secret = monitor.Secret

// Access has the credentials and TLS settings for targets.
type Access = monitor.Access

// minRetention is the minimum of RetentionTime: the longest window of a rule.
const minRetention = 2 * time.Hour

// DefaultWatch returns the defaults of `onsale up`, which has the demo pace.
func DefaultWatch() Watch {
	return Watch{
		Pace:           catalog.Demo().Name,
		Settings:       catalog.DefaultSettings(),
		RetentionTime:  7 * 24 * time.Hour,
		RetentionBytes: 1 << 30,
	}
}

// validate returns an error that names the first invalid option. It also checks the files
// that options name.
func (w Watch) validate(targets []string, log *slog.Logger) error {
	if _, err := catalog.ParsePace(w.Pace); err != nil {
		return err
	}
	if err := w.Settings.Validate(); err != nil {
		return err
	}
	if w.RetentionTime < minRetention {
		return fmt.Errorf("--retention-time must be at least %s, not %s", minRetention, w.RetentionTime)
	}
	if w.RetentionBytes < 0 {
		return fmt.Errorf("--retention-size must be at least 0, not %d", w.RetentionBytes)
	}
	if err := w.checkExternal(); err != nil {
		return err
	}
	return w.options("", "http://127.0.0.1", targets, log).Check()
}

// checkExternal checks --external-url, which messages and pages repeat.
func (w Watch) checkExternal() error {
	if w.ExternalURL == "" {
		return nil
	}
	switch u, ok := endpoint.ParseWebURL(w.ExternalURL); {
	case !ok:
		return fmt.Errorf("--external-url must be a URL like https://onsale.example.com, not %q", endpoint.Shown(w.ExternalURL))
	case u.User != nil:
		return errors.New("--external-url must not contain a user or password, because messages contain the URL")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("--external-url must have neither a query nor a fragment, but %q has", endpoint.Shown(w.ExternalURL))
	}
	return nil
}

// external returns the public URL of a server that has the URL local on its machine.
func (w Watch) external(local string) string {
	if w.ExternalURL != "" {
		return strings.TrimRight(w.ExternalURL, "/")
	}
	return local
}

// hosts returns the allowed hosts with the host of ExternalURL.
func (w Watch) hosts(allowed []string) []string {
	u, ok := endpoint.ParseWebURL(w.ExternalURL)
	if !ok || server.CheckAllowedHosts([]string{u.Hostname()}) != nil { // an IPv6 address needs no entry
		return allowed
	}
	return append(slices.Clone(allowed), u.Hostname())
}

// options returns the options of the monitor for a server with the URL local. The Watch must be valid.
func (w Watch) options(dir, local string, targets []string, log *slog.Logger) monitor.Options {
	pace, _ := catalog.ParsePace(w.Pace)
	return monitor.Options{
		DataDir: dir, Targets: targets, Access: w.Access, Pace: pace, Settings: w.settings(local),
		PrometheusConfig: w.PrometheusConfig, RuleFiles: w.Rules, AlertmanagerConfig: w.AlertmanagerConfig,
		RetentionTime: w.RetentionTime, RetentionBytes: w.RetentionBytes,
		ExternalURL: w.external(local), DiscordURL: w.DiscordURL, DiscordMention: w.DiscordMention, Logger: log,
	}
}

// alerts returns the alerts of the catalogue at this pace.
func (w Watch) alerts(local string) []catalog.Alert {
	pace, _ := catalog.ParsePace(w.Pace)
	return catalog.Alerts(w.settings(local), pace)
}

// settings returns the settings of the rules. Their runbooks are on this server.
func (w Watch) settings(local string) catalog.Settings {
	s := w.Settings
	s.Runbooks = w.external(local) + "/runbooks/NAME"
	return s
}

// every returns the scrape interval.
func (w Watch) every() time.Duration {
	pace, _ := catalog.ParsePace(w.Pace)
	return pace.Scrape
}

// destination returns where notifications go, for the start-up lines.
func (w Watch) destination(external string) string {
	switch {
	case w.AlertmanagerConfig != "":
		return "where " + w.AlertmanagerConfig + " routes them"
	case w.DiscordURL != "" && monitor.DoubtOf(w.DiscordURL) != "":
		return "to DISCORD_URL, which may not deliver them (the log has the reason), and to " + external + "/inbox"
	case w.DiscordURL != "":
		return "to Discord, and to " + external + "/inbox"
	}
	return "to " + external + "/inbox; set DISCORD_URL to send them to Discord, too"
}
