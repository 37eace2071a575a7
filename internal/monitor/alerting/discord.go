package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	libdiscord "github.com/prometheus/alertmanager/notify/discord"
	"github.com/prometheus/alertmanager/template"
	common "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"onsale/internal/monitor/discord"
)

// The limits of Discord, in characters.
const (
	maxTitle       = 256
	maxDescription = 4096
	maxContent     = 2000
)

// The colours of a message, the same as in the library.
const (
	red   = 0x992D22
	green = 0x2ECC71
)

// discordHook posts to a webhook from the user's discord_configs and renders the
// user's templates. It uses the client of the built-in receiver because the
// library's own integration drops the message on 429 and ignores Retry-After.
type discordHook struct {
	config   *libdiscord.DiscordConfig
	template *template.Template
	client   *discord.Client
	log      *slog.Logger
	// doubt is why messages may not arrive, or empty.
	doubt string
}

func newDiscord(c *libdiscord.DiscordConfig, t *template.Template, log *slog.Logger) (*discordHook, error) {
	// The transport holds the settings for proxy, TLS and authorization.
	client, err := common.NewClientFromConfig(*c.HTTPConfig, "discord")
	if err != nil {
		return nil, err
	}
	d := &discordHook{config: c, template: t, client: discord.NewClient(client.Transport), log: log}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

// check returns an error for an address at which Discord accepts no messages, and
// records a doubt about one that looks wrong. It accepts a file that is missing or
// empty, because the file may be written later.
func (d *discordHook) check() error {
	name := "webhook_url"
	if d.config.WebhookURL == nil {
		name = "webhook_url_file"
	}
	address, err := d.url()
	if err != nil || strings.TrimSpace(string(address)) == "" {
		return nil //nolint:nilerr // Notify reads the file again and reports the error.
	}
	d.doubt, err = discord.CheckAddress(address, name)
	return err
}

type embed struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Color       int    `json:"color"`
}

type discordMessage struct {
	Content   string  `json:"content"`
	Embeds    []embed `json:"embeds"`
	Username  string  `json:"username,omitempty"`
	AvatarURL string  `json:"avatar_url,omitempty"`
}

// Notify implements [notify.Notifier].
func (d *discordHook) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
	message, err := d.compose(ctx, alerts)
	if err != nil {
		return false, err
	}
	hook, err := d.url()
	if err != nil {
		// Another process may be replacing the file.
		return true, err
	}
	return d.client.Send(ctx, hook, message)
}

// compose renders the user's templates and cuts each part to Discord's limit.
func (d *discordHook) compose(ctx context.Context, alerts []*alert.Alert) ([]byte, error) {
	var err error
	render := notify.TmplText(d.template, notify.GetTemplateData(ctx, d.template, alerts, d.log), &err)
	part := func(name, text string, limit int) string {
		cut, truncated := notify.TruncateInRunes(render(text), limit)
		if truncated {
			d.log.WarnContext(ctx, "cut a part of a message that is too long for discord", "name", name, "characters", limit)
		}
		return cut
	}
	message := discordMessage{
		Content:   part("content", d.config.Content, maxContent),
		Username:  d.config.Username,
		AvatarURL: d.config.AvatarURL,
		Embeds: []embed{{
			Title:       part("title", d.config.Title, maxTitle),
			Description: part("message", d.config.Message, maxDescription),
			Color:       green,
		}},
	}
	if alert.Alerts(alerts...).Status() == model.AlertFiring {
		message.Embeds[0].Color = red
	}
	if err != nil {
		return nil, fmt.Errorf("render discord message: %w", err)
	}
	return json.Marshal(message)
}

func (d *discordHook) url() (discord.Secret, error) {
	if d.config.WebhookURL != nil {
		return discord.Secret(d.config.WebhookURL.String()), nil
	}
	content, err := os.ReadFile(d.config.WebhookURLFile)
	if err != nil {
		return "", fmt.Errorf("read webhook_url_file: %w", err)
	}
	return discord.Secret(content), nil
}
