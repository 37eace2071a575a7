package main

import (
	"context"
	"time"

	"onsale/internal/app"
)

// monitorCmd is `onsale monitor`: the monitoring alone.
type monitorCmd struct {
	Listen     string   `help:"Address to serve on, host:port; port 0 takes a free one." default:"127.0.0.1:9090"`
	Target     []string `help:"Servers to watch: URLs, whose path is /metrics unless given." required:"" placeholder:"URL"`
	BearerFile string   `help:"File with the token that scrapes bring." type:"path" placeholder:"FILE"`
	DataDir    string   `help:"Directory of metrics, silences and the inbox." default:"onsale-monitor-data" type:"path"`
	Pace       string   `help:"How fast it looks and tells: demo, every second, or real, every 5 s." enum:"demo,real" default:"real"`

	watchFlags

	AllowedHosts    []string      `help:"Domain names of this server beside that of --external-url: without an admin token, requests that name another host are refused." placeholder:"NAME"`
	AdminTokenFile  string        `help:"File with the token that opens admin calls, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE"`
	ShutdownTimeout time.Duration `help:"How long to wait for requests in flight when stopping." default:"15s"`
}

// Help is shown under `onsale monitor --help`.
func (monitorCmd) Help() string {
	return `It watches any service that has the series of a ticket system, and answers as
Prometheus (/api/v1) and Alertmanager (/api/v2) do. DISCORD_URL is the webhook
that alerts go to, and DISCORD_MENTION whom critical ones mention; not set,
alerts stay in the inbox, /inbox.`
}

// Run watches until the context ends.
func (c *monitorCmd) Run(ctx context.Context, e *env) error {
	o := app.DefaultMonitorOptions()
	o.Listen, o.DataDir, o.Targets = c.Listen, c.DataDir, c.Target
	var err error
	if o.Watch, err = c.watch(e, c.Pace); err != nil {
		return &usageError{err}
	}
	o.Watch.BearerFile, o.ShutdownTimeout = c.BearerFile, c.ShutdownTimeout
	o.AllowedHosts, o.Out, o.Logger = c.AllowedHosts, e.stderr, e.log
	if o.AdminToken, err = adminToken(e, c.AdminTokenFile); err != nil {
		return &usageError{err}
	}
	if err := o.Validate(); err != nil {
		return &usageError{err}
	}
	m, err := app.NewMonitor(ctx, o)
	if err != nil {
		return err
	}
	return m.Run(ctx)
}
