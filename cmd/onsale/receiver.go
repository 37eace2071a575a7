package main

import (
	"context"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// receiverCmd is `onsale receiver`: the delivery queue for Discord, without API or monitoring.
type receiverCmd struct {
	Listen      string `help:"Address to listen on, host:port; port 0 picks a free port." default:"127.0.0.1:9095"`
	DataDir     string `help:"Directory for the inbox. No other process may use it." default:"onsale-receiver-data" type:"path"`
	ExternalURL string `name:"external-url" help:"Public URL of this server; its own address by default." placeholder:"URL"`

	AllowedHosts    []string      `help:"Domain names of this server, in addition to that of --external-url. Without an admin token, requests for any other name are rejected." placeholder:"NAME"`
	AdminTokenFile  string        `help:"File with the token that senders need, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE"`
	ShutdownTimeout time.Duration `help:"Time that requests in flight get when the server stops." default:"15s"`
}

// Help is shown under `onsale receiver --help`.
func (receiverCmd) Help() string {
	return `Alertmanager posts notifications to /alertmanager, and Grafana to /grafana. The
receiver writes each one to disk before it answers, then retries until Discord
confirms it. The last 200 notifications are at /inbox.

DISCORD_URL is the Discord webhook, and DISCORD_MENTION the people that critical
alerts mention. Without DISCORD_URL, notifications stay in the inbox.

Senders need the admin token, as a bearer token or as the password of basic
authentication. If no admin token is set, anyone can post on a loopback address,
and posting is disabled on other addresses. The token "none" lets anyone post.

Write the configuration of the senders with onsale export alertmanager --receiver
URL, or onsale export grafana --receiver URL.`
}

// Run receives and delivers notifications until the context ends.
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
