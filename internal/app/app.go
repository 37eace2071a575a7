// Package app is the one place where the parts of Onsale are wired together:
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
	"onsale/internal/server"
	"onsale/internal/store"
	"onsale/internal/telemetry"
)

// App is a server of ticket sales with all that it needs.
type App struct {
	options Options
	log     *slog.Logger
	out     sync.Mutex // Out is written to by one at a time

	machine  *telemetry.Machine
	injector *fault.Injector
	store    *store.Store
	seller   *sale.Seller
	tokens   *item.Issuer
	audit    *audit
	api      *server.Server
	listener *edge.Listener
	http     *http.Server
	beside   beside
	parts    *lifecycle

	// prepared is closed once the schema is there and the plan is known.
	prepared chan struct{}
}

// New binds the address and opens the database, in this order: listener, data
// directory, metrics, store (which the faults slow down), faults, tokens, seller,
// crowd and monitoring, API. It does not wait for a database that is away.
func New(ctx context.Context, o Options) (*App, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, "--listen", o.Listen, o.MaxConnections, o.Logger)
	if err != nil {
		return nil, err
	}
	a := &App{options: o, log: o.Logger, listener: listener, prepared: make(chan struct{})}
	a.parts = newLifecycle(o.Logger, func(part string, err error) { a.say("the %s ended, the sale goes on: %v", part, err) })
	a.parts.OnStop("listener", closeLimit, func(context.Context) error { return closeListener(listener) })
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.parts.Stop(ctx))
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	if err := a.claim(); err != nil {
		return err
	}
	o := a.options
	build := telemetry.ReadBuild()
	registry := telemetry.NewRegistry(build)
	a.machine = telemetry.NewMachine(telemetry.MachineOptions{Registerer: registry, Logger: o.Logger})

	var err error
	a.store, err = store.Open(ctx, store.Options{
		URL: o.DatabaseURL, URLSet: o.DatabaseURLSet, DataDir: o.DataDir, MaxConns: o.DatabaseConnections,
		Gate:   func(ctx context.Context) error { return a.injector.Database(ctx) },
		Logger: o.Logger, Registerer: registry,
	})
	if err != nil {
		return err
	}
	a.parts.OnStop("store", storeLimit, func(context.Context) error { return a.store.Close() })
	a.injector = fault.NewInjector(a.faultOptions(registry))
	a.tokens = item.NewIssuer(o.TokenLife, time.Now)
	if o.TokenKey != "" {
		if err := a.tokens.SetKey([]byte(o.TokenKey)); err != nil {
			return err
		}
	}
	a.audit = newAudit(a.store, o.BooksInterval, registry, o.Logger)
	return a.makeAPI(ctx, registry, build)
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

// replicaName tells this process from all others.
func replicaName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "onsale"
	}
	return host + "-" + rand.Text()[:6]
}

// makeAPI makes the seller and the API.
func (a *App) makeAPI(ctx context.Context, registry *prometheus.Registry, build telemetry.Build) error {
	var err error
	a.seller, err = sale.NewSeller(a.store, sale.Options{
		MaxBatch: a.options.MaxBatch, QueueLimit: a.options.QueueLimit, Logger: a.log, Registerer: registry,
	})
	if err != nil {
		return err
	}
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
	registry.MustRegister(a.listener.Metrics())
	if o.Mounts, err = a.openBeside(ctx, build.Version, o.OwnToken); err != nil {
		return err
	}
	if a.api, err = server.New(o); err != nil {
		return err
	}
	a.http = newHTTPServer(a.listener, a.api.Handler(), a.log)
	return nil
}

// Addr returns the address that the server listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// say writes a line for people and scripts.
func (a *App) say(format string, args ...any) {
	a.out.Lock()
	defer a.out.Unlock()
	Say(a.options.Out, format, args...)
}
