package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/console"
	"onsale/internal/edge"
	"onsale/internal/endpoint"
	"onsale/internal/monitor"
	"onsale/internal/server"
	"onsale/internal/telemetry"
)

// MonitorOptions are the options of `onsale monitor`, the monitoring without the API.
type MonitorOptions struct {
	// Listen is the address, host:port; port 0 picks a free port.
	Listen string
	// DataDir is the directory for metrics, silences and the inbox.
	DataDir string
	// Targets are the servers to scrape. Each value is a URL or host:port, or several of
	// them separated by commas. Without targets, Watch.Settings.Job names a scrape job of
	// Watch.PrometheusConfig.
	Targets []string
	// AdminToken is as in [Options].
	AdminToken string
	// AllowedHosts is as in [Options].
	AllowedHosts []string
	Watch        Watch
	// MaxConnections is as in [Options].
	MaxConnections int
	// ShutdownTimeout is the time that requests in flight get when the server stops.
	ShutdownTimeout time.Duration
	// Out gets the start-up lines, which people and scripts wait for.
	Out    io.Writer
	Logger *slog.Logger
}

// DefaultMonitorOptions returns the defaults of `onsale monitor`. The caller must add the
// targets.
func DefaultMonitorOptions() MonitorOptions {
	watch := DefaultWatch()
	watch.Pace = catalog.Real().Name
	return MonitorOptions{
		Listen: "127.0.0.1:9090", DataDir: "onsale-monitor-data", Watch: watch,
		MaxConnections: 10_000, ShutdownTimeout: 15 * time.Second,
		Out: io.Discard, Logger: slog.New(slog.DiscardHandler),
	}
}

// Validate returns an error that names the first invalid option.
func (o MonitorOptions) Validate() error {
	if err := validServer(o.Listen, o.DataDir, o.AdminToken, o.AllowedHosts); err != nil {
		return err
	}
	targets, err := o.targets()
	if err != nil {
		return err
	}
	return o.Watch.validate(targets, o.Logger)
}

func (o MonitorOptions) targets() ([]string, error) {
	if len(o.Targets) == 0 && o.Watch.PrometheusConfig == "" {
		return nil, errors.New("--target must name at least one server, like http://127.0.0.1:8000, unless --job names a scrape job of --prometheus-config")
	}
	return endpoint.ParseTargets(o.Targets)
}

// Monitor is the monitoring without the API. It scrapes other servers.
type Monitor struct {
	options  MonitorOptions
	targets  []string // without their secrets
	monitor  *monitor.Monitor
	listener *edge.Listener
	http     *http.Server
}

// NewMonitor binds the address and reads all files that the options name.
func NewMonitor(ctx context.Context, o MonitorOptions) (*Monitor, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, "--listen", o.Listen, o.MaxConnections, o.Logger)
	if err != nil {
		return nil, err
	}
	m := &Monitor{options: o, listener: listener}
	if err := m.open(); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return m, nil
}

func (m *Monitor) open() error {
	o, base := m.options, endpoint.LocalURL(m.listener.Addr())
	targets, err := o.targets()
	if err != nil {
		return err
	}
	if m.monitor, err = monitor.New(o.Watch.options(o.DataDir, base, targets, o.Logger)); err != nil {
		return err
	}
	for _, target := range m.monitor.Watched() {
		m.targets = append(m.targets, endpoint.Shown(target))
	}
	page := o.Watch.page(console.Options{
		Version: telemetry.ReadBuild().Version, Targets: m.targets, Logger: o.Logger,
	}, base)
	page.Expressions = m.monitor.Expressions()
	all, err := withPage(append(probes(m.monitor.Prometheus()),
		mounts(m.monitor.Prometheus(), m.monitor.Alertmanager(), m.monitor.Inbox(), m.monitor.Coverage())...), page)
	if err != nil {
		return err
	}
	m.http = newHTTPServer(m.listener, server.NewFront(server.FrontOptions{
		Mounts: all, AdminToken: o.AdminToken, Loopback: endpoint.OnLoopback(m.listener.Addr()),
		AllowedHosts: o.Watch.hosts(o.AllowedHosts), Admit: edge.Admit, Logger: o.Logger,
	}), o.Logger)
	return nil
}

// Addr returns the address that the monitoring is served on.
func (m *Monitor) Addr() string { return m.listener.Addr().String() }

// Run monitors until the context ends or a part fails, and then stops all parts, each within
// its own time limit. It must be called only once.
func (m *Monitor) Run(ctx context.Context) error {
	parts := newLifecycle(m.options.Logger, func(part string, err error) { Say(m.options.Out, "the %s ended: %v", part, err) })
	early := []*undo{
		parts.Essential(ctx, "monitoring", monitoringLimit, m.monitor.Run),
		parts.Optional(ctx, "announcement", closeLimit, func(ctx context.Context) error { m.announce(ctx); return nil }),
	}
	parts.Serve("http server", m.options.ShutdownTimeout, m.http, m.listener)
	parts.OnStop("drain", closeLimit, func(ctx context.Context) error {
		for _, part := range early {
			part.Begin(ctx)
		}
		return nil
	})
	select {
	case <-ctx.Done():
	case <-parts.failed:
	}
	return parts.Stop(ctx)
}

// announce writes the start-up lines once the monitoring answers queries.
func (m *Monitor) announce(ctx context.Context) {
	select {
	case <-m.monitor.Ready():
	case <-ctx.Done():
		return
	}
	out, base := m.options.Out, endpoint.LocalURL(m.listener.Addr())
	var hosts []string
	for _, target := range m.targets {
		if u, err := url.Parse(target); err == nil && !slices.Contains(hosts, u.Host) {
			hosts = append(hosts, u.Host)
		}
	}
	if watch := m.options.Watch; len(m.options.Targets) > 0 {
		Say(out, "scraping %s as job %s every %s", strings.Join(hosts, ", "), watch.Settings.Job, watch.every())
	} else {
		Say(out, "scraping job %s of %s every %s", watch.Settings.Job, watch.PrometheusConfig, watch.every())
	}
	Say(out, "page %s/ · Prometheus %s/api/v1 · Alertmanager %s/api/v2", base, base, base)
	Say(out, "alerts go %s", m.options.Watch.destination(base))
	if endpoint.OnAllAddresses(m.listener.Addr()) {
		Say(out, "%s", allAddresses)
	}
	Say(out, "ready on %s", base)
}
