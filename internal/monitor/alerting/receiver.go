package alerting

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"

	"onsale/internal/monitor/discord"
)

// setup is everything that is built from a configuration before anything starts.
type setup struct {
	config   *config.Config
	template *template.Template
	routes   *dispatch.Route
	// receivers holds the integrations of each receiver, by receiver name.
	receivers map[string][]notify.Integration
	// doubts lists addresses that may be wrong, each with the reason.
	doubts []string
}

// prepare builds the routes and the receivers of a configuration.
func prepare(l loaded, external *url.URL, builtIn notify.Notifier, log *slog.Logger) (*setup, error) {
	l.template.ExternalURL = external
	s := &setup{
		config: l.config, template: l.template,
		routes:    dispatch.NewRoute(l.config.Route, nil),
		receivers: make(map[string][]notify.Integration, len(l.config.Receivers)),
	}
	for i, r := range l.config.Receivers {
		integrations, err := s.build(r, builtIn, log)
		if err != nil {
			return nil, l.document.at(l.document.item("receivers", i), "receivers", l.secrets.err(err).Error())
		}
		for i := range integrations {
			n := &integrations[i]
			integrations[i] = notify.NewIntegration(&pausing{next: *n, hide: l.secrets}, rules(n.SendResolved()), n.Name(), n.Index(), r.Name)
		}
		s.receivers[r.Name] = integrations
	}
	return s, nil
}

// build creates the integrations of one receiver. The library creates all except
// Discord's, because its own drops a message on 429.
func (s *setup) build(r config.Receiver, builtIn notify.Notifier, log *slog.Logger) ([]notify.Integration, error) {
	hooks := r.DiscordConfigs
	r.DiscordConfigs = nil
	integrations, err := receiver.BuildReceiverIntegrations(r, s.template, log)
	if err != nil {
		return nil, err
	}
	for i, c := range hooks {
		n, err := newDiscord(c, s.template, log.With("integration", "discord"))
		if err != nil {
			return nil, err
		}
		if n.doubt != "" {
			s.doubts = append(s.doubts, "receiver "+strconv.Quote(r.Name)+": "+n.doubt)
		}
		integrations = append(integrations, notify.NewIntegration(n, c, "discord", i, r.Name))
	}
	s.doubts = append(s.doubts, otherForms(r)...)
	if r.Name == BuiltIn && len(integrations) == 0 {
		integrations = append(integrations, notify.NewIntegration(builtIn, rules(true), BuiltIn, 0, r.Name))
	}
	return integrations, nil
}

// otherForms returns a warning for each integration of a receiver that sends
// Discord messages in a format that Discord does not accept.
func otherForms(r config.Receiver) (doubts []string) {
	name := "receiver " + strconv.Quote(r.Name) + ": "
	for _, c := range r.WebhookConfigs {
		if discord.LeadsToDiscord(discord.Secret(c.URL)) {
			doubts = append(doubts, name+"the url of webhook_configs points to Discord, which does not accept messages of this format; use discord_configs")
		}
	}
	for _, c := range r.SlackConfigs {
		if c.APIURL == nil {
			continue
		}
		if address := c.APIURL.String(); discord.LeadsToDiscord(discord.Secret(address)) && !strings.HasSuffix(strings.TrimRight(c.APIURL.Path, "/"), "/slack") {
			doubts = append(doubts, name+"the api_url of slack_configs points to Discord, which accepts messages of this format only at an address that ends with /slack; use discord_configs")
		}
	}
	return doubts
}

// integrations returns the receivers, wrapped so that each records in the
// notification log which alerts it has sent.
func (s *setup) integrations(log notify.NotificationLog) map[string][]notify.Integration {
	receivers := make(map[string][]notify.Integration, len(s.receivers))
	for name, integrations := range s.receivers {
		receivers[name] = []notify.Integration{}
		for i := range integrations {
			n := &integrations[i]
			receivers[name] = append(receivers[name],
				notify.NewIntegration(remember(n, name, log), n, n.Name(), n.Index(), name))
		}
	}
	return receivers
}

// rules reports whether a receiver gets notifications about resolved alerts.
type rules bool

// SendResolved implements [notify.ResolvedSender].
func (r rules) SendResolved() bool { return bool(r) }

// unnamedPause is the pause after a receiver has answered 429. The library does not
// return how long the receiver asked to wait.
const unnamedPause = 2 * time.Second

// pausing wraps an integration. It removes secrets from errors, and it pauses after
// the receiver has answered 429. The pause applies to all groups of the receiver.
type pausing struct {
	next  notify.Integration
	hide  secrets
	pause discord.Pause
}

// Notify implements [notify.Notifier].
func (p *pausing) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
	if err := p.pause.Wait(ctx); err != nil {
		return true, err
	}
	retry, err = p.next.Notify(ctx, alerts...)
	if err == nil {
		return false, nil
	}
	if reason, ok := errors.AsType[*notify.ErrorWithReason](err); ok && reason.Reason == notify.RateLimitedReason {
		p.pause.Extend(unnamedPause)
		retry = true
	}
	return retry, p.hide.err(err)
}
