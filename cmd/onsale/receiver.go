package main

import (
	"context"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// receiverCmd is `onsale receiver`: the delivery queue alone.
type receiverCmd struct {
	Listen      string `help:"Address to serve on, host:port; port 0 takes a free one." default:"127.0.0.1:9095"`
	DataDir     string `help:"Directory of the inbox, which no other process may use." default:"onsale-receiver-data" type:"path"`
	ExternalURL string `name:"external-url" help:"Where people reach this server; its own address by default." placeholder:"URL"`

	AllowedHosts    []string      `help:"Domain names of this server beside that of --external-url: without an admin token, requests that name another host are refused." placeholder:"NAME"`
	AdminTokenFile  string        `help:"File with the token that senders must bring, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE"`
	ShutdownTimeout time.Duration `help:"How long to wait for requests in flight when stopping." default:"15s"`
}

// Help is shown under `onsale receiver --help`.
func (receiverCmd) Help() string {
	return `It takes what an Alertmanager posts to /alertmanager and a Grafana to /grafana,
writes it to disk before it answers, and sends it to Discord until Discord
confirms it. The last 200 notifications are at /inbox. DISCORD_URL is the webhook
of Discord, and DISCORD_MENTION whom critical alerts mention; not set,
notifications stay in the inbox. Senders bring the admin token as a bearer token
or as the password of basic authentication. On a loopback address they need none
unless it is set; the token none lets anyone post.

onsale export alertmanager --receiver URL, and onsale export grafana with the same
flag, write the configuration of the senders.`
}

// Run takes and delivers notifications until the context ends.
func (c *receiverCmd) Run(ctx context.Context, e *command.Env) error {
	o := app.DefaultReceiverOptions()
	o.Listen, o.DataDir, o.ExternalURL = c.Listen, c.DataDir, c.ExternalURL
	o.AllowedHosts, o.ShutdownTimeout, o.Out, o.Logger = c.AllowedHosts, c.ShutdownTimeout, e.Stderr, e.Log
	var err error
	if o.DiscordURL, o.DiscordMention, err = discordOf(e); err != nil {
		return &command.UsageError{Err: err}
	}
	if o.AdminToken, err = e.AdminToken(c.AdminTokenFile); err != nil {
		return &command.UsageError{Err: err}
	}
	if err := o.Validate(); err != nil {
		return &command.UsageError{Err: err}
	}
	r, err := app.NewReceiver(ctx, o)
	if err != nil {
		return err
	}
	return r.Run(ctx)
}
