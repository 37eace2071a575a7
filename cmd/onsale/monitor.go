package main

import (
	"context"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// monitorCmd is `onsale monitor`: the monitoring without the API.
type monitorCmd struct {
	Listen  string   `help:"Address to listen on, host:port; port 0 picks a free port." default:"127.0.0.1:9090"`
	Target  []string `help:"Servers to scrape: HOST:PORT or a URL; the default path is /metrics. Without a target, --job names a scrape job of --prometheus-config." sep:"none" placeholder:"URL"`
	DataDir string   `help:"Directory for metrics, silences and the inbox." default:"onsale-monitor-data" type:"path"`
	Pace    string   `help:"Speed of scrapes and alerts: demo scrapes every second, real every 5 s." enum:"demo,real" default:"real"`

	Access accessFlags `embed:"" prefix:"target-" group:"Access to the targets"`
	watchFlags

	AllowedHosts    []string      `help:"Domain names of this server, in addition to that of --external-url. Without an admin token, requests for any other name are rejected." placeholder:"NAME"`
	AdminTokenFile  string        `help:"File with the admin token, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE"`
	ShutdownTimeout time.Duration `help:"Time that requests in flight get when the server stops." default:"15s"`
}

// accessFlags are the credentials of scrapes and the TLS settings of the targets.
type accessFlags struct {
	Username           string `help:"User name for basic authentication." placeholder:"NAME"`
	PasswordFile       string `help:"File with the password for basic authentication." type:"path" placeholder:"FILE"`
	BearerFile         string `name:"bearer-token-file" aliases:"bearer-file" help:"File with the bearer token of scrapes." env:"ONSALE_TARGET_BEARER_TOKEN_FILE,ONSALE_BEARER_FILE" type:"path" placeholder:"FILE"`
	CAFile             string `name:"ca-file" help:"File with the certificate authorities to trust, instead of the system's." type:"path" placeholder:"FILE"`
	CertFile           string `help:"File with the client certificate of scrapes." type:"path" placeholder:"FILE"`
	KeyFile            string `help:"File with the private key of the client certificate." type:"path" placeholder:"FILE"`
	ServerName         string `help:"Host name that the certificate of a target must have, instead of the one in its URL." placeholder:"NAME"`
	InsecureSkipVerify bool   `help:"Accept any certificate of a target. Anyone between the two can then read and change the metrics."`
}

// Help is shown under `onsale monitor --help`.
func (monitorCmd) Help() string {
	return `Scrapes any service that exports the metrics of a ticket system, and serves the
APIs of Prometheus (/api/v1) and Alertmanager (/api/v2). Name the targets with
--target, or with a scrape job of a prometheus.yml, which has all options of
Prometheus: --prometheus-config FILE --job NAME.

DISCORD_URL is the Discord webhook for alerts, and DISCORD_MENTION the people
that critical alerts mention. Without DISCORD_URL, alerts stay at /inbox.`
}

// Run monitors until the context ends.
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
