package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"onsale/internal/catalog"
	"onsale/internal/console"
	"onsale/internal/monitor"
	"onsale/internal/server"
	"onsale/internal/telemetry"
)

// MonitorOptions are those of `onsale monitor`: the monitoring alone.
type MonitorOptions struct {
	// Listen is the address, host:port; port 0 takes a free one.
	Listen string
	// DataDir is the directory of metrics, silences and the inbox.
	DataDir string
	// Targets are the servers to watch: URLs, or host:port.
	Targets []string
	// AdminToken is that of [Options].
	AdminToken string
	Watch      Watch
	// MaxConnections is how many clients may be connected at once; more wait.
	MaxConnections int
	// ShutdownTimeout bounds the wait for requests in flight.
	ShutdownTimeout time.Duration
	// Out gets the lines that people and scripts wait for.
	Out    io.Writer
	Logger *slog.Logger
}

// DefaultMonitorOptions are those of `onsale monitor` without a flag but for the
// targets, which it must be given.
func DefaultMonitorOptions() MonitorOptions {
	watch := DefaultWatch()
	watch.Pace = catalog.Real().Name
	return MonitorOptions{
		Listen: "127.0.0.1:9090", DataDir: "onsale-monitor-data", Watch: watch,
		MaxConnections: 10_000, ShutdownTimeout: 15 * time.Second,
		Out: io.Discard, Logger: slog.New(slog.DiscardHandler),
	}
}

// Validate returns an error that names the first option that makes no sense.
func (o MonitorOptions) Validate() error {
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		return fmt.Errorf("--listen must be host:port, like 127.0.0.1:9090, not %q", o.Listen)
	}
	if o.DataDir == "" {
		return errors.New("--data-dir must not be empty")
	}
	if err := validToken(o.AdminToken); err != nil {
		return err
	}
	targets, err := o.targets()
	if err != nil {
		return err
	}
	return o.Watch.validate(targets, o.Logger)
}

func (o MonitorOptions) targets() ([]string, error) {
	if len(o.Targets) == 0 {
		return nil, errors.New("--target must name at least one server, like http://127.0.0.1:8000")
	}
	targets := make([]string, 0, len(o.Targets))
	for _, text := range o.Targets {
		target, err := parseTarget(text)
		if err != nil {
			return nil, err
		}
		targets = append(targets, target)
	}
	return targets, nil
}

// Monitor is the monitoring alone, watching servers elsewhere.
type Monitor struct {
	options  MonitorOptions
	targets  []string
	monitor  *monitor.Monitor
	listener net.Listener
	http     *http.Server
}

// NewMonitor binds the address and reads every file that the options name.
func NewMonitor(ctx context.Context, o MonitorOptions) (*Monitor, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, "--listen", o.Listen, o.MaxConnections)
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
	o, base := m.options, localURL(m.listener.Addr())
	targets, err := o.targets()
	if err != nil {
		return err
	}
	m.targets = targets
	if m.monitor, err = monitor.New(o.Watch.options(o.DataDir, base, targets, o.Logger)); err != nil {
		return err
	}
	page := o.Watch.page(console.Options{
		Version: telemetry.ReadBuild().Version, Targets: targets, Logger: o.Logger,
	}, base)
	page.Expressions = m.monitor.Expressions()
	all, err := withPage(mounts(m.monitor), page)
	if err != nil {
		return err
	}
	m.http = newHTTPServer(server.NewFront(server.FrontOptions{
		Mounts: all, AdminToken: o.AdminToken, Loopback: isLoopback(m.listener.Addr()), Logger: o.Logger,
	}), o.Logger)
	return nil
}

// Run watches until the context ends or a part fails.
func (m *Monitor) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveHTTP(m.http, m.listener) })
	group.Go(func() error { return m.monitor.Run(ctx) })
	group.Go(func() error { m.announce(ctx); return nil })
	group.Go(func() error {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.options.ShutdownTimeout)
		defer cancel()
		return shutDown(ctx, m.http)
	})
	return group.Wait()
}

// announce says what is where once queries are answered.
func (m *Monitor) announce(ctx context.Context) {
	select {
	case <-m.monitor.Ready():
	case <-ctx.Done():
		return
	}
	out, base := m.options.Out, localURL(m.listener.Addr())
	var hosts []string // a query may have a token in it
	for _, target := range m.targets {
		if u, err := url.Parse(target); err == nil {
			hosts = append(hosts, u.Host)
		}
	}
	say(out, "watches %s as job %s, every %s", strings.Join(hosts, ", "), m.options.Watch.Settings.Job, m.options.Watch.every())
	say(out, "page %s/ · Prometheus %s/api/v1 · Alertmanager %s/api/v2", base, base, base)
	say(out, "alerts go %s", m.options.Watch.told(base))
	say(out, "ready on %s", base)
}
