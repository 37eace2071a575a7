package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/edge"
	"onsale/internal/endpoint"
	"onsale/internal/lock"
	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/receiver"
	"onsale/internal/problem"
	"onsale/internal/server"
	"onsale/internal/telemetry"
)

// ReceiverOptions are the options of `onsale receiver`, the delivery queue to Discord for
// the user's own Alertmanager or Grafana.
type ReceiverOptions struct {
	// Listen is the address, host:port; port 0 picks a free port.
	Listen string
	// DataDir is the directory for the inbox. No other process may use it.
	DataDir string
	// AdminToken is the token that senders need. "none" lets anyone post. If it is empty,
	// anyone can post on a loopback address, and posting is disabled on others.
	AdminToken string
	// AllowedHosts is as in [Options].
	AllowedHosts []string
	// ExternalURL is the public URL of this server. If it is empty, that is its address on
	// this machine.
	ExternalURL string
	// DiscordURL is DISCORD_URL. If it is empty, notifications stay in the inbox.
	DiscordURL Secret
	// DiscordMention is DISCORD_MENTION.
	DiscordMention string
	// ShutdownTimeout is the time that requests in flight get when the server stops.
	ShutdownTimeout time.Duration
	// Out gets the start-up lines, which people and scripts wait for.
	Out    io.Writer
	Logger *slog.Logger
}

// receiverConnections limits the number of client connections of a receiver.
const receiverConnections = 1000

// DefaultReceiverOptions returns the defaults of `onsale receiver`.
func DefaultReceiverOptions() ReceiverOptions {
	return ReceiverOptions{
		Listen: "127.0.0.1:9095", DataDir: "onsale-receiver-data", ShutdownTimeout: 15 * time.Second,
		Out: io.Discard, Logger: slog.New(slog.DiscardHandler),
	}
}

// Validate returns an error that names the first invalid option.
func (o ReceiverOptions) Validate() error {
	if err := validServer(o.Listen, o.DataDir, o.AdminToken, o.AllowedHosts); err != nil {
		return err
	}
	if o.ShutdownTimeout <= 0 {
		return fmt.Errorf("--shutdown-timeout must be more than 0s, not %s", o.ShutdownTimeout)
	}
	if err := o.watch().checkExternal(); err != nil {
		return err
	}
	_, err := o.notifier(nil)
	return err
}

// watch returns the options that a receiver shares with the monitoring.
func (o ReceiverOptions) watch() Watch {
	return Watch{ExternalURL: o.ExternalURL, DiscordURL: o.DiscordURL, DiscordMention: o.DiscordMention}
}

func (o ReceiverOptions) notifier(inbox *discord.Inbox) (*discord.Notifier, error) {
	return discord.New(discord.Options{URL: o.DiscordURL, Mention: o.DiscordMention, Inbox: inbox, Logger: o.Logger})
}

// Receiver is a delivery queue that serves a webhook.
type Receiver struct {
	options  ReceiverOptions
	notifier *discord.Notifier
	listener *edge.Listener
	http     *http.Server
	parts    *lifecycle
	stopping atomic.Bool
}

// NewReceiver binds the address, and loads the inbox from the data directory.
func NewReceiver(ctx context.Context, o ReceiverOptions) (*Receiver, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, "--listen", o.Listen, receiverConnections, o.Logger)
	if err != nil {
		return nil, err
	}
	r := &Receiver{options: o, listener: listener}
	r.parts = newLifecycle(o.Logger, func(part string, err error) { Say(o.Out, "the %s ended: %v", part, err) })
	r.parts.OnStop("listener", closeLimit, func(context.Context) error { return closeListener(listener) })
	if err := r.open(); err != nil {
		return nil, errors.Join(err, r.parts.Stop(ctx))
	}
	return r, nil
}

func (r *Receiver) open() error {
	o := r.options
	owned, err := lock.Own(filepath.Join(o.DataDir, lockFile))
	if err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	r.parts.OnStop("lock of the data directory", closeLimit, func(context.Context) error { return owned.Release() })
	inbox := discord.NewInbox(filepath.Join(o.DataDir, "inbox.json"), o.Logger)
	if r.notifier, err = o.notifier(inbox); err != nil {
		return err
	}
	registry := telemetry.NewRegistry(telemetry.ReadBuild())
	registry.MustRegister(r.listener.Metrics())
	inbox.Observe(registry)
	front := server.NewFront(server.FrontOptions{
		Mounts: r.mounts(inbox, registry), AdminToken: o.AdminToken, Loopback: endpoint.OnLoopback(r.listener.Addr()),
		AllowedHosts: o.watch().hosts(o.AllowedHosts), Admit: edge.Admit, Logger: o.Logger,
	})
	r.http = newHTTPServer(r.listener, passwordAsToken(front), o.Logger)
	return nil
}

// mounts returns the routes of a receiver. Posting is an admin call.
func (r *Receiver) mounts(inbox *discord.Inbox, registry *prometheus.Registry) []server.Mount {
	webhook := receiver.New(receiver.Options{Notifier: r.notifier, Registerer: registry, Logger: r.options.Logger})
	return []server.Mount{
		{Pattern: "POST /alertmanager", Handler: webhook, Access: server.Admin},
		{Pattern: "POST /grafana", Handler: webhook, Access: server.Admin},
		{Pattern: "GET /inbox", Handler: inbox.Handler()},
		{Pattern: "GET /metrics", Handler: telemetry.Handler(registry, r.options.Logger)},
		{Pattern: "GET /ready", Handler: http.HandlerFunc(r.ready)},
		{Pattern: "GET /health", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		})},
		{Pattern: "GET /{$}", Handler: http.RedirectHandler("/inbox", http.StatusFound)},
	}
}

// ready answers 200 until the receiver begins to stop.
func (r *Receiver) ready(w http.ResponseWriter, _ *http.Request) {
	if r.stopping.Load() {
		problem.New(http.StatusServiceUnavailable, "not_ready", "Not ready", "The server is stopping.").Write(w)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
}

// passwordAsToken uses the password of basic authentication as the bearer token, because
// not every sender can send a bearer token.
func passwordAsToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, ok := r.BasicAuth(); ok {
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", "Bearer "+password)
		}
		next.ServeHTTP(w, r)
	})
}

// Addr returns the address that the receiver listens on.
func (r *Receiver) Addr() string { return r.listener.Addr().String() }

// Run receives and delivers notifications until the context ends or a part fails. It then
// answers the requests in flight, and stops delivering. Undelivered notifications are on
// disk. It must be called only once.
func (r *Receiver) Run(ctx context.Context) error {
	r.parts.Essential(ctx, "delivery", backgroundLimit, r.notifier.Run)
	r.parts.Serve("http server", r.options.ShutdownTimeout, r.http, r.listener)
	r.parts.OnStop("drain", closeLimit, func(context.Context) error {
		r.stopping.Store(true)
		return nil
	})
	r.announce()
	select {
	case <-ctx.Done():
	case <-r.parts.failed:
	}
	return r.parts.Stop(ctx)
}

// announce writes the start-up lines: the URLs, and who can post.
func (r *Receiver) announce() {
	o, addr := r.options, r.listener.Addr()
	base := endpoint.LocalURL(addr)
	switch {
	case o.AdminToken == server.OpenToAll:
		Say(o.Out, "WARNING: anyone who can reach this address can post notifications (admin token %q)", server.OpenToAll)
	case o.AdminToken == "" && !endpoint.OnLoopback(addr):
		Say(o.Out, "posting is disabled on this address: set ONSALE_ADMIN_TOKEN or --admin-token-file to enable it")
	}
	Say(o.Out, "Alertmanager posts to %s/alertmanager · Grafana to %s/grafana", base, base)
	Say(o.Out, "notifications go %s", o.watch().destination(o.watch().external(base)))
	if endpoint.OnAllAddresses(addr) {
		Say(o.Out, "%s", allAddresses)
	}
	Say(o.Out, "ready on %s", base)
}
