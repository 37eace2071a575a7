// Package monitor is Onsale's own monitoring: the real Prometheus and the real
// Alertmanager as libraries, with notifications sent to Discord.
//
// Each part has a package below this one. [prom] scrapes, stores and evaluates
// rules. [coverage] finds alerts that cannot be evaluated. [alerting] groups,
// mutes and repeats. [discord] notifies people.
//
// The Go API of Prometheus and Alertmanager is not stable. Only this directory
// imports their servers, so an upgrade changes no other package.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"onsale/internal/catalog"
	"onsale/internal/monitor/alerting"
	"onsale/internal/monitor/coverage"
	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/prom"
)

// Options say what is monitored, how, and where notifications go.
type Options struct {
	// DataDir holds metrics, silences and the inbox.
	DataDir string
	// Targets are the URLs to scrape, all under the job named in Settings. Access is
	// how scrapes authenticate. Without targets, the rules evaluate the job of that
	// name in PrometheusConfig.
	Targets []string
	Access  Access
	// Pace and Settings configure the rules of the catalogue.
	Pace     catalog.Pace
	Settings catalog.Settings
	// PrometheusConfig, RuleFiles and AlertmanagerConfig are the user's own files.
	PrometheusConfig   string
	RuleFiles          []string
	AlertmanagerConfig string
	// RetentionTime and RetentionBytes limit the stored metrics; 0 means no limit.
	RetentionTime  time.Duration
	RetentionBytes int64
	// ExternalURL is the address of this server in links in messages.
	ExternalURL string
	// DiscordURL is the webhook. If it is empty, notifications go to the inbox only.
	DiscordURL Secret
	// DiscordMention lists the people and roles that a critical message mentions.
	DiscordMention string
	Logger         *slog.Logger
}

// Access is how scrapes authenticate to the targets.
type Access = prom.Access

// Secret is a string that prints as stars.
type Secret = discord.Secret

// DoubtOf returns why messages may not arrive at DISCORD_URL. It returns an empty
// string if nothing looks wrong, or if New would reject the URL anyway. The result
// contains no part of the URL.
func DoubtOf(discordURL Secret) string {
	doubt, _ := discord.CheckAddress(discordURL, "DISCORD_URL") // the error comes from New
	return doubt
}

// Monitor runs Prometheus, Alertmanager and the delivery to Discord.
type Monitor struct {
	inbox    *discord.Inbox
	discord  *discord.Notifier
	alerting *alerting.Manager
	prom     *prom.Server
	coverage *coverage.Coverage
	ready    chan struct{}
	log      *slog.Logger
}

// Expressions returns the PromQL expressions of all alerts, in the form that links in
// messages use. It returns the error of Check if the options are wrong.
func (o Options) Expressions() ([]string, error) {
	m, err := o.assemble(nil)
	if err != nil {
		return nil, err
	}
	return m.Expressions(), nil
}

// Check returns an error that names the first option or file that is wrong. For
// most mistakes in a file the error includes the line. Check starts nothing and
// writes nothing.
func (o Options) Check() error {
	_, err := o.assemble(nil)
	return err
}

// New returns a monitor. [Monitor.Run] starts it.
func New(o Options) (*Monitor, error) {
	return o.assemble(discord.NewInbox(filepath.Join(o.DataDir, "inbox.json"), o.Logger))
}

// assemble builds the parts, first Discord and last Prometheus. Each part passes its
// output to the one that was built before it.
func (o Options) assemble(inbox *discord.Inbox) (*Monitor, error) {
	notifier, err := discord.New(discord.Options{URL: o.DiscordURL, Mention: o.DiscordMention, Inbox: inbox, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	grouping := o.Pace.Grouping()
	alerts, err := alerting.New(alerting.Options{
		Dir: filepath.Join(o.DataDir, "alertmanager"), ConfigFile: o.AlertmanagerConfig,
		GroupWait: grouping.Wait, GroupInterval: grouping.Interval, RepeatInterval: grouping.Repeat,
		Notifier: notifier, ExternalURL: o.ExternalURL, Logger: o.Logger,
	})
	if err != nil {
		return nil, err
	}
	rules, err := catalog.RuleFile(o.Settings, o.Pace)
	if err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	covered := coverage.New(coverage.Options{
		Job: o.Settings.Job, Alerts: catalog.Alerts(o.Settings, o.Pace), Scrape: o.Pace.Scrape, Logger: o.Logger,
	})
	server, err := prom.New(prom.Options{
		Dir: filepath.Join(o.DataDir, "prometheus"), Job: o.Settings.Job, Targets: o.Targets, Access: o.Access,
		ScrapeInterval: o.Pace.Scrape, EvaluationInterval: o.Pace.Evaluate,
		Rules: rules, ConfigFile: o.PrometheusConfig, RuleFiles: o.RuleFiles,
		RetentionTime: o.RetentionTime, RetentionSize: o.RetentionBytes,
		ExternalURL: o.ExternalURL, Send: alerts.Put, Logger: o.Logger,
		WhileScraping: func(ctx context.Context, from prom.Source) { covered.Run(ctx, source(from, o.Settings.Job)) },
	})
	if err != nil {
		return nil, err
	}
	return &Monitor{inbox: inbox, discord: notifier, alerting: alerts, prom: server, coverage: covered, ready: make(chan struct{}), log: o.Logger}, nil
}

// Run monitors until the context ends, and then returns nil. It returns an error if
// one of the parts fails; a panic in a part's own goroutine counts as a failure.
//
// The parts start and stop in the order Prometheus, Alertmanager, Discord.
// Prometheus starts first because it locks the data directory. It also stops first, so
// that its last alerts are still grouped and stored.
func (m *Monitor) Run(ctx context.Context) error {
	group, failed := errgroup.WithContext(ctx)
	later := context.WithoutCancel(ctx)
	judged, endJudging := context.WithCancel(later)
	grouped, endGrouping := context.WithCancel(later)
	group.Go(func() error {
		defer endJudging()
		return m.guarded("prometheus", func() error { return m.prom.Run(failed) })
	})
	group.Go(func() error {
		defer endGrouping()
		if !begun(judged, m.prom.Ready()) {
			return nil
		}
		return m.guarded("alertmanager", func() error { return m.alerting.Run(judged) })
	})
	group.Go(func() error {
		if !begun(grouped, m.prom.Ready()) {
			return nil
		}
		return m.guarded("discord", func() error { return m.discord.Run(grouped) })
	})
	group.Go(func() error {
		for _, part := range []<-chan struct{}{m.prom.Ready(), m.alerting.Ready()} {
			select {
			case <-part:
			case <-failed.Done():
				return nil
			}
		}
		close(m.ready)
		return nil
	})
	return group.Wait()
}

// begun waits for a part to become ready. It returns false if the context ends first.
func begun(ctx context.Context, ready <-chan struct{}) bool {
	select {
	case <-ready:
		return true
	case <-ctx.Done():
		return false
	}
}

// guarded runs a part and adds its name to the error. It recovers from a panic,
// because the other parts must still stop in order and store their data.
func (m *Monitor) guarded(part string, run func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			m.log.Error("monitoring panicked", "part", part, "panic", cause, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s panicked: %v", part, cause)
		}
	}()
	if err := run(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", part, err)
	}
	return nil
}

// Ready is closed once Prometheus and Alertmanager accept requests.
func (m *Monitor) Ready() <-chan struct{} { return m.ready }

// Expressions returns the PromQL expressions of all alerts, in the form that links in
// messages use.
func (m *Monitor) Expressions() []string { return m.prom.Expressions() }

// Watched returns the URLs of the targets that the rules evaluate, as far as they are
// known before Run.
func (m *Monitor) Watched() []string { return m.prom.Watched() }

// Prometheus serves the API of Prometheus: /api/v1/, /-/healthy and /-/ready.
func (m *Monitor) Prometheus() http.Handler { return m.prom.Handler() }

// Alertmanager serves the API of Alertmanager: /api/v2/.
func (m *Monitor) Alertmanager() http.Handler { return m.alerting.Handler() }

// Coverage serves a [coverage.Report]: which alerts can be evaluated.
func (m *Monitor) Coverage() http.Handler { return m.coverage.Handler() }

// source lets package coverage query Prometheus.
func source(from prom.Source, job string) coverage.Source {
	return coverage.Source{
		Query: func(ctx context.Context, expr string) ([]coverage.Sample, error) {
			found, err := from.Query(ctx, expr)
			if err != nil {
				return nil, err
			}
			all := make([]coverage.Sample, len(found))
			for i, one := range found {
				all[i] = coverage.Sample{Labels: one.Metric.Map(), Value: one.F}
			}
			return all, nil
		},
		Announces: func(instance, metric string) bool { return from.Announces(job, instance, metric) },
	}
}

// Inbox serves the last notifications, in the form that Discord gets.
func (m *Monitor) Inbox() http.Handler { return m.inbox.Handler() }
