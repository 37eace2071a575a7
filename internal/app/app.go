// Package app is the one place where the parts of Onsale are wired together:
// [New] opens and binds, [App.Run] serves until its context ends and then takes
// everything down in reverse order.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"onsale/internal/fault"
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
	audit    *audit
	api      *server.Server
	listener net.Listener
	http     *http.Server

	// prepared is closed once the schema is there and the plan is known.
	prepared chan struct{}
}

// New opens the database and binds the address, in this order: metrics, faults,
// store (which the faults slow down), seller, API, listener. It does not wait
// for a database that is away.
func New(ctx context.Context, o Options) (*App, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	a := &App{options: o, log: o.Logger, prepared: make(chan struct{})}

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
		return nil, err
	}
	a.injector = fault.NewInjector(a.faultOptions(registry))
	a.audit = newAudit(a.store, o.BooksInterval, registry, o.Logger)
	if err := a.serveOn(ctx, registry, build); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	return a, nil
}

func (a *App) faultOptions(reg prometheus.Registerer) fault.Options {
	plan := fault.Default()
	if a.options.Faults != nil {
		plan = *a.options.Faults
	}
	return fault.Options{
		Plan: plan, Store: a.store, Replica: replicaName(),
		MemoryLimit: a.machine.MemoryLimit(), Logger: a.log, Registerer: reg,
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

// serveOn makes the seller and the API, and binds the address.
func (a *App) serveOn(ctx context.Context, registry *prometheus.Registry, build telemetry.Build) error {
	var err error
	a.seller, err = sale.NewSeller(a.store, sale.Options{
		MaxBatch: a.options.MaxBatch, QueueLimit: a.options.QueueLimit, Logger: a.log, Registerer: registry,
	})
	if err != nil {
		return err
	}
	a.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", a.options.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", a.options.Listen, plain(err))
	}
	o := server.DefaultOptions()
	o.Ledger, o.Seller, o.Faults, o.Replicas = a.store, a.seller, a.injector, a.store
	o.Metrics, o.Registerer = telemetry.Handler(registry, a.log), registry
	o.MaxPerPurchase, o.AdminToken = a.options.MaxPerPurchase, a.options.AdminToken
	o.Loopback, o.Version, o.Logger = isLoopback(a.listener.Addr()), build.Version, a.log
	a.api, err = server.New(o)
	if err != nil {
		return errors.Join(err, a.listener.Close())
	}
	a.listener = newLimitListener(a.listener, a.options.MaxConnections)
	a.http = newHTTPServer(a.api, a.log)
	return nil
}

// plain strips the address that net repeats from an error of Listen.
func plain(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Addr returns the address that the server listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Run serves until the context ends or a part fails, and then shuts down: not
// ready, no new requests, those in flight and the orders that wait to their
// end, the background work, the store. An orderly end is nil.
func (a *App) Run(ctx context.Context) error {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	group, failed := errgroup.WithContext(background)

	group.Go(func() error {
		if err := a.http.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error { return a.prepare(background) })
	group.Go(func() error { a.machine.Run(failed); return nil })
	group.Go(func() error { return a.oncePrepared(failed, a.injector.Run) })
	group.Go(func() error { return a.oncePrepared(failed, a.audit.run) })

	select {
	case <-ctx.Done():
		a.log.Info("shutting down", "timeout", a.options.ShutdownTimeout)
	case <-failed.Done():
	}
	stopErr := a.stop(ctx)
	cancel()
	return errors.Join(group.Wait(), stopErr, a.store.Close())
}

// stop ends what serves buyers, within the time-out.
func (a *App) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.options.ShutdownTimeout)
	defer cancel()
	a.api.Drain()
	err := a.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("wait for requests in flight: %w", err), a.http.Close())
	}
	return errors.Join(err, a.seller.Stop(ctx))
}

// oncePrepared runs a part that needs the schema, and takes it for no failure
// when the part ends because it was told to.
func (a *App) oncePrepared(ctx context.Context, run func(context.Context) error) error {
	select {
	case <-a.prepared:
	case <-ctx.Done():
		return nil
	}
	if err := run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// say writes a line for people and scripts.
func (a *App) say(format string, args ...any) {
	a.out.Lock()
	defer a.out.Unlock()
	fmt.Fprintf(a.options.Out, "onsale: "+format+"\n", args...)
}
