package main

import (
	"context"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// monitorCmd is `onsale monitor`: the monitoring alone.
type monitorCmd struct {
	Listen  string   `help:"Address to serve on, host:port; port 0 takes a free one." default:"127.0.0.1:9090"`
	Target  []string `help:"Servers to watch: HOST:PORT or URLs, whose path is /metrics unless given. Without any, --job is one of --prometheus-config." sep:"none" placeholder:"URL"`
	DataDir string   `help:"Directory of metrics, silences and the inbox." default:"onsale-monitor-data" type:"path"`
	Pace    string   `help:"How fast it looks and tells: demo, every second, or real, every 5 s." enum:"demo,real" default:"real"`

	Access accessFlags `embed:"" prefix:"target-" group:"How scrapes get into the targets"`
	watchFlags

	AllowedHosts    []string      `help:"Domain names of this server beside that of --external-url: without an admin token, requests that name another host are refused." placeholder:"NAME"`
	AdminTokenFile  string        `help:"File with the token that opens admin calls, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE"`
	ShutdownTimeout time.Duration `help:"How long to wait for requests in flight when stopping." default:"15s"`
}

// accessFlags say how scrapes get into the targets.
type accessFlags struct {
	Username           string `help:"User for basic authentication." placeholder:"NAME"`
	PasswordFile       string `help:"File with the password of that user." type:"path" placeholder:"FILE"`
	BearerFile         string `name:"bearer-token-file" aliases:"bearer-file" help:"File with the token that scrapes bring." env:"ONSALE_TARGET_BEARER_TOKEN_FILE,ONSALE_BEARER_FILE" type:"path" placeholder:"FILE"`
	CAFile             string `name:"ca-file" help:"File with the certificates of the authorities to trust, in place of the system's." type:"path" placeholder:"FILE"`
	CertFile           string `help:"File with the certificate that scrapes show." type:"path" placeholder:"FILE"`
	KeyFile            string `help:"File with the key of that certificate." type:"path" placeholder:"FILE"`
	ServerName         string `help:"Name that the certificate of a target must have, in place of that in its URL." placeholder:"NAME"`
	InsecureSkipVerify bool   `help:"Accept any certificate of a target: anyone on the way can then read and change what it sends."`
}

// Help is shown under `onsale monitor --help`.
func (monitorCmd) Help() string {
	return `It watches any service that has the series of a ticket system, and answers as
Prometheus (/api/v1) and Alertmanager (/api/v2) do. What is watched is named by
--target or, with all that Prometheus can do, by a scrape job of a prometheus.yml:
--prometheus-config FILE --job NAME. DISCORD_URL is the webhook
that alerts go to, and DISCORD_MENTION whom critical ones mention; not set,
alerts stay in the inbox, /inbox.`
}

// Run watches until the context ends.
func (c *monitorCmd) Run(ctx context.Context, e *command.Env) error {
	o := app.DefaultMonitorOptions()
	o.Listen, o.DataDir, o.Targets = c.Listen, c.DataDir, c.Target
	var err error
	if o.Watch, err = c.watch(e, c.Pace); err != nil {
		return &command.UsageError{Err: err}
	}
	o.Watch.Access, o.ShutdownTimeout = app.Access(c.Access), c.ShutdownTimeout
	o.AllowedHosts, o.Out, o.Logger = c.AllowedHosts, e.Stderr, e.Log
	if o.AdminToken, err = e.AdminToken(c.AdminTokenFile); err != nil {
		return &command.UsageError{Err: err}
	}
	if err := o.Validate(); err != nil {
		return &command.UsageError{Err: err}
	}
	m, err := app.NewMonitor(ctx, o)
	if err != nil {
		return err
	}
	return m.Run(ctx)
}
