// Package monitor is Onsale's own monitoring: the real Prometheus and the real
// Alertmanager as libraries, and Discord at the end of the line.
//
// Each has a package of its own below this one: [prom] scrapes, stores and
// judges, [coverage] knows what cannot be judged, [alerting] groups, mutes and
// repeats, [discord] tells people. No other room imports the servers of
// Prometheus, so that an upgrade of them, whose Go API is not stable, touches
// this folder alone.
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

// Options say what is watched, how, and who is told.
type Options struct {
	// DataDir is where metrics, silences and the inbox are kept.
	DataDir string
	// Targets are the URLs to scrape, all of one job, that of Settings, and Access is
	// how scrapes get in. Without targets a job of PrometheusConfig is the one.
	Targets []string
	Access  Access
	// Pace and Settings are those of the catalogue's rules.
	Pace     catalog.Pace
	Settings catalog.Settings
	// PrometheusConfig, RuleFiles and AlertmanagerConfig are files of the user's.
	PrometheusConfig   string
	RuleFiles          []string
	AlertmanagerConfig string
	// RetentionTime and RetentionBytes bound what is stored; 0 bytes is no limit.
	RetentionTime  time.Duration
	RetentionBytes int64
	// ExternalURL is where people reach the server, for links in messages.
	ExternalURL string
	// DiscordURL is the webhook. Empty, the inbox alone is told.
	DiscordURL Secret
	// DiscordMention is whom a critical message mentions.
	DiscordMention string
	Logger         *slog.Logger
}

// Access is how scrapes get into the targets.
type Access = prom.Access

// Secret is a text that nothing prints.
type Secret = discord.Secret

// DoubtOf says why messages may not arrive at DISCORD_URL; it is empty if there is no
// reason to doubt it, or if it is refused anyway. It holds nothing of the URL.
func DoubtOf(discordURL Secret) string {
	doubt, _ := discord.CheckAddress(discordURL, "DISCORD_URL") // the error comes from New
	return doubt
}

// Monitor watches.
type Monitor struct {
	inbox    *discord.Inbox
	discord  *discord.Notifier
	alerting *alerting.Manager
	prom     *prom.Server
	coverage *coverage.Coverage
	ready    chan struct{}
	log      *slog.Logger
}

// Expressions returns those of all alerts, as links in messages have them, or the
// error of Check.
func (o Options) Expressions() ([]string, error) {
	m, err := o.assemble(nil)
	if err != nil {
		return nil, err
	}
	return m.Expressions(), nil
}

// Check returns an error that names the first option, or the file with line,
// that cannot be honoured. It starts nothing and writes nothing.
func (o Options) Check() error {
	_, err := o.assemble(nil)
	return err
}

// New returns a monitor that does not run yet.
func New(o Options) (*Monitor, error) {
	return o.assemble(discord.NewInbox(filepath.Join(o.DataDir, "inbox.json"), o.Logger))
}

// assemble makes the parts from the end of the line to its beginning.
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
		Beside: func(ctx context.Context, inside prom.Inside) { covered.Run(ctx, source(inside, o.Settings.Job)) },
	})
	if err != nil {
		return nil, err
	}
	return &Monitor{inbox: inbox, discord: notifier, alerting: alerts, prom: server, coverage: covered, ready: make(chan struct{}), log: o.Logger}, nil
}

// Run watches until the context ends, which is an orderly end, or until one of
// the parts fails. They stop in the order of the line, so that what the last
// rules found is still grouped, and what was grouped still kept. They begin in this
// order too: the first makes sure that nobody else uses the data directory. A part
// that panics in its own goroutine has failed.
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

// begun waits until a part is ready, or the context has ended without.
func begun(ctx context.Context, ready <-chan struct{}) bool {
	select {
	case <-ready:
		return true
	case <-ctx.Done():
		return false
	}
}

// guarded runs a part. Its error names the part, and may be that of a panic: the
// other parts must still stop in order, and keep what they have.
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

// Ready is closed once Prometheus and Alertmanager answer.
func (m *Monitor) Ready() <-chan struct{} { return m.ready }

// Expressions are those of all alerts, as links in messages have them.
func (m *Monitor) Expressions() []string { return m.prom.Expressions() }

// Watched returns the URLs of what the rules judge, as far as they are known before Run.
func (m *Monitor) Watched() []string { return m.prom.Watched() }

// Prometheus answers what Prometheus does: /api/v1/, /-/healthy and /-/ready.
func (m *Monitor) Prometheus() http.Handler { return m.prom.Handler() }

// Alertmanager answers what Alertmanager does: /api/v2/.
func (m *Monitor) Alertmanager() http.Handler { return m.alerting.Handler() }

// Coverage answers with which alerts can be judged, as [coverage.Report] has it.
func (m *Monitor) Coverage() http.Handler { return m.coverage.Handler() }

// source is what the coverage asks of Prometheus.
func source(inside prom.Inside, job string) coverage.Source {
	return coverage.Source{
		Query: func(ctx context.Context, expr string) ([]coverage.Sample, error) {
			found, err := inside.Query(ctx, expr)
			if err != nil {
				return nil, err
			}
			all := make([]coverage.Sample, len(found))
			for i, one := range found {
				all[i] = coverage.Sample{Labels: one.Metric.Map(), Value: one.F}
			}
			return all, nil
		},
		Announces: func(instance, metric string) bool { return inside.Announces(job, instance, metric) },
	}
}

// Inbox answers with the last notifications, as Discord gets them.
func (m *Monitor) Inbox() http.Handler { return m.inbox.Handler() }
