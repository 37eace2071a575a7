// Package app wires the parts of Onsale together, and is the only package that does:
// [New] opens and binds, [App.Run] serves until its context ends and then stops
// all parts in reverse order.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/edge"
	"onsale/internal/endpoint"
	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/sale/audit"
	"onsale/internal/server"
	"onsale/internal/store"
	"onsale/internal/telemetry"
)

// App is the ticket-sales server with all its parts.
type App struct {
	options Options
	log     *slog.Logger
	out     sync.Mutex // guards writes to Options.Out

	machine  *telemetry.Machine
	injector *fault.Injector
	store    *store.Store
	seller   *sale.Seller
	tokens   *item.Issuer
	audit    *audit.Audit
	api      *server.Server
	listener *edge.Listener
	http     *http.Server
	extras   extras // of `onsale up`
	parts    *lifecycle

	// prepared is closed once the database has the schema and the fault plan is loaded.
	prepared chan struct{}
}

// New binds the address and opens the database. It does not wait for a database that is unreachable.
func New(ctx context.Context, o Options) (*App, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, "--listen", o.Listen, o.MaxConnections, o.Logger)
	if err != nil {
		return nil, err
	}
	a := &App{options: o, log: o.Logger, listener: listener, prepared: make(chan struct{})}
	a.parts = newLifecycle(o.Logger, func(part string, err error) { a.say("the %s ended, but ticket sales continue: %v", part, err) })
	a.parts.OnStop("listener", closeLimit, func(context.Context) error { return closeListener(listener) })
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.parts.Stop(ctx))
	}
	return a, nil
}

// open creates all parts in the order in which they depend on each other.
func (a *App) open(ctx context.Context) error {
	o := a.options
	if err := a.claim(); err != nil {
		return err
	}
	build := telemetry.ReadBuild()
	registry := telemetry.NewRegistry(build)
	registry.MustRegister(a.listener.Metrics())
	a.machine = telemetry.NewMachine(telemetry.MachineOptions{Registerer: registry, Logger: o.Logger})

	var err error
	if a.store, err = store.Open(ctx, a.storeOptions(registry)); err != nil {
		return err
	}
	a.parts.OnStop("store", storeLimit, func(context.Context) error { return a.store.Close() })
	a.injector = fault.NewInjector(a.faultOptions(registry)) // the gate of the store uses it
	if a.tokens, err = newTokens(o); err != nil {
		return err
	}
	a.audit = audit.New(audit.Options{Auditor: a.store, Interval: o.BooksInterval, Logger: o.Logger, Registerer: registry})
	a.seller, err = sale.NewSeller(a.store, sale.Options{
		MaxBatch: o.MaxBatch, QueueLimit: o.QueueLimit, Logger: o.Logger, Registerer: registry,
	})
	if err != nil {
		return err
	}

	api := a.serverOptions(registry, build)
	if o.Up != nil {
		if api.Mounts, err = a.openExtras(ctx, build.Version, api.OwnToken); err != nil {
			return err
		}
	}
	if a.api, err = server.New(api); err != nil {
		return err
	}
	a.http = newHTTPServer(a.listener, a.api.Handler(), o.Logger)
	return nil
}

func (a *App) storeOptions(reg prometheus.Registerer) store.Options {
	o := a.options
	return store.Options{
		URL: o.DatabaseURL, URLSet: o.DatabaseURLSet, DataDir: o.DataDir, MaxConns: o.DatabaseConnections,
		Gate:   func(ctx context.Context) error { return a.injector.Database(ctx) },
		Logger: o.Logger, Registerer: reg,
	}
}

func (a *App) faultOptions(reg prometheus.Registerer) fault.Options {
	plan := fault.Default()
	if a.options.Faults != nil {
		plan = *a.options.Faults
	}
	return fault.Options{
		Plan: plan, Store: a.store, Replica: replicaName(),
		MemoryLimit: a.machine.MemoryLimit(), Memory: a.machine.Memory, Crash: a.options.Crash,
		Logger: a.log, Registerer: reg,
	}
}

// replicaName returns a name for this process that no other process has.
func replicaName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "onsale"
	}
	return host + "-" + rand.Text()[:6]
}

// newTokens returns the issuer of item tokens. If the options have no key, [App.prepare]
// sets the key that is stored in the database.
func newTokens(o Options) (*item.Issuer, error) {
	tokens := item.NewIssuer(o.TokenLife, time.Now)
	if o.TokenKey == "" {
		return tokens, nil
	}
	err := tokens.SetKey([]byte(o.TokenKey))
	return tokens, err
}

func (a *App) serverOptions(registry *prometheus.Registry, build telemetry.Build) server.Options {
	o := server.DefaultOptions()
	o.Ledger, o.Seller, o.Faults, o.Replicas = a.store, a.seller, a.injector, a.store
	o.Items, o.Tokens, o.MaxUserLabels = a.store, a.tokens, a.options.MaxUserLabels
	o.Metrics, o.Registerer = telemetry.Handler(registry, a.log), registry
	o.MaxPerPurchase, o.AdminToken = a.options.MaxPerPurchase, a.options.AdminToken
	o.Loopback, o.Version, o.Logger = endpoint.OnLoopback(a.listener.Addr()), build.Version, a.log
	o.OwnToken, o.AllowedHosts, o.Admit = rand.Text(), a.options.AllowedHosts, edge.Admit
	o.Waited = edge.Waited
	if up := a.options.Up; up != nil && up.Watch != nil {
		o.AllowedHosts = up.Watch.hosts(o.AllowedHosts)
	}
	return o
}

// Addr returns the address that the server listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// say writes one line to Options.Out, for people and scripts.
func (a *App) say(format string, args ...any) {
	a.out.Lock()
	defer a.out.Unlock()
	Say(a.options.Out, format, args...)
}
