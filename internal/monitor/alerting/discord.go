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

// What Discord accepts, in characters.
const (
	maxTitle       = 256
	maxDescription = 4096
	maxContent     = 2000
)

// The colours of a message, as the library's.
const (
	red   = 0x992D22
	green = 0x2ECC71
)

// discordHook tells a webhook that a user's discord_configs name, in the words of
// the user's templates. It posts with the client of the built-in receiver: the
// library's own drops the message on 429, and leaves nowhere to read how long
// Discord wants to be left alone.
type discordHook struct {
	config   *libdiscord.DiscordConfig
	template *template.Template
	client   *discord.Client
	log      *slog.Logger
	// doubt says why messages may not arrive; empty if there is no reason to doubt it.
	doubt string
}

func newDiscord(c *libdiscord.DiscordConfig, t *template.Template, log *slog.Logger) (*discordHook, error) {
	// Proxy, TLS and authorization are in the transport.
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

// check refuses an address at which Discord takes no messages, and notes one that is
// doubtful. A file that cannot be read yet, or is empty, may be filled in later.
func (d *discordHook) check() error {
	name := "webhook_url"
	if d.config.WebhookURL == nil {
		name = "webhook_url_file"
	}
	address, err := d.url()
	if err != nil || strings.TrimSpace(string(address)) == "" {
		return nil //nolint:nilerr // It is read anew for each message, which says what is wrong.
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
		// The file may be in the middle of being replaced.
		return true, err
	}
	return d.client.Send(ctx, hook, message)
}

// compose renders the user's templates and cuts what is too long for Discord.
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
