// Package app is the one place where the parts of Onsale are wired together:
// [New] opens and binds, [App.Run] serves until its context ends and then takes
// everything down in reverse order.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"onsale/internal/edge"
	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/lock"
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
	lock     *lock.Lock // of the data directory, nil if nothing is kept there

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
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, listener.Close())
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
	a.injector = fault.NewInjector(a.faultOptions(registry))
	a.tokens = item.NewIssuer(o.TokenLife, time.Now)
	if o.TokenKey != "" {
		if err := a.tokens.SetKey([]byte(o.TokenKey)); err != nil {
			return errors.Join(err, a.store.Close())
		}
	}
	a.audit = newAudit(a.store, o.BooksInterval, registry, o.Logger)
	if err := a.makeAPI(ctx, registry, build); err != nil {
		return errors.Join(err, a.store.Close())
	}
	return nil
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
	o.Loopback, o.Version, o.Logger = isLoopback(a.listener.Addr()), build.Version, a.log
	o.OwnToken, o.Admit = rand.Text(), edge.Admit
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

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Addr returns the address that the server listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Run serves until the context ends or a part fails, and then shuts down: not
// ready, the crowd and the load test, the monitoring, no new requests, those in flight and the
// orders that wait to their end, the background work, the store. An orderly end
// is nil.
func (a *App) Run(ctx context.Context) error {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	group, failed := errgroup.WithContext(background)
	preparing, stopPreparing := context.WithCancel(failed)
	defer stopPreparing()

	a.warn()
	group.Go(func() error { return serveHTTP(a.http, a.listener) })
	group.Go(func() error { return a.prepare(preparing) })
	group.Go(func() error { a.machine.Run(failed); return nil })
	group.Go(func() error { return a.oncePrepared(failed, a.injector.Run) })
	group.Go(func() error { return a.oncePrepared(failed, a.audit.run) })
	crowd, desk, watch := begin(failed, a.letCrowdIn), begin(failed, a.keepDesk), begin(failed, a.watch)

	select {
	case <-ctx.Done():
		a.log.Info("shutting down", "timeout", a.options.ShutdownTimeout)
	case <-failed.Done():
	}
	stopPreparing()
	stopErr := a.stop(ctx, crowd, desk, watch)
	cancel()
	err := errors.Join(group.Wait(), stopErr, a.store.Close())
	if a.lock != nil {
		err = errors.Join(err, a.lock.Release())
	}
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// stop ends what calls the server, and then what serves buyers, within the
// time-out. The monitoring goes first, or it would see the server down.
func (a *App) stop(ctx context.Context, crowd, desk, watch running) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.options.ShutdownTimeout)
	defer cancel()
	a.api.Drain()
	errs := []error{crowd.end(ctx, "crowd"), desk.end(ctx, "load test"), watch.end(ctx, "monitoring")}
	a.drainDelay(ctx)
	return errors.Join(append(errs, shutDown(ctx, a.http), a.seller.Stop(ctx))...)
}

// drainDelay goes on serving for a moment, so that whoever spreads the load sees
// that this server is not ready any more, and sends no more of it here.
func (a *App) drainDelay(ctx context.Context) {
	select {
	case <-a.prepared:
	default:
		return // it never was
	}
	timer := time.NewTimer(a.options.DrainDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
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
	say(a.options.Out, format, args...)
}
