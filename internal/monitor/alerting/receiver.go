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

// setup is all that can be made of a configuration before anything starts.
type setup struct {
	config   *config.Config
	template *template.Template
	routes   *dispatch.Route
	// receivers are the integrations of each receiver, by its name.
	receivers map[string][]notify.Integration
	// doubts say which addresses may be wrong.
	doubts []string
}

// prepare makes the routes and the receivers of a configuration.
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
			integrations[i] = notify.NewIntegration(&polite{next: *n, hide: l.secrets}, rules(n.SendResolved()), n.Name(), n.Index(), r.Name)
		}
		s.receivers[r.Name] = integrations
	}
	return s, nil
}

// build makes the integrations that one receiver names. The library makes all
// but those of Discord, whose own drops a message when Discord asks for a pause.
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

// otherForms says which integrations of a receiver send to Discord what it does not take.
func otherForms(r config.Receiver) (doubts []string) {
	name := "receiver " + strconv.Quote(r.Name) + ": "
	for _, c := range r.WebhookConfigs {
		if discord.LeadsToDiscord(discord.Secret(c.URL)) {
			doubts = append(doubts, name+"the url of webhook_configs leads to Discord, which does not take messages of that form: use discord_configs")
		}
	}
	for _, c := range r.SlackConfigs {
		if c.APIURL == nil {
			continue
		}
		if address := c.APIURL.String(); discord.LeadsToDiscord(discord.Secret(address)) && !strings.HasSuffix(strings.TrimRight(c.APIURL.Path, "/"), "/slack") {
			doubts = append(doubts, name+"the api_url of slack_configs leads to Discord, which takes messages of that form at an address that ends with /slack alone: use discord_configs")
		}
	}
	return doubts
}

// integrations returns the receivers such that each remembers in the log of
// notifications whom it told what.
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

// rules says whether a receiver is told that an alert is over.
type rules bool

// SendResolved implements [notify.ResolvedSender].
func (r rules) SendResolved() bool { return bool(r) }

// unnamedPause is how long a receiver is left alone that asks for a pause, and
// whose integration in the library does not tell for how long.
const unnamedPause = 2 * time.Second

// polite is an integration that tells no secret in its errors, and leaves a
// receiver alone that asked for it. All groups of the receiver keep the pause.
type polite struct {
	next  notify.Integration
	hide  secrets
	pause discord.Pause
}

// Notify implements [notify.Notifier].
func (p *polite) Notify(ctx context.Context, alerts ...*alert.Alert) (retry bool, err error) {
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
