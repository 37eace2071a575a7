package app

import (
	"context"
	"errors"
	"time"
)

// How long each part can take to stop. Requests in flight get [Options.ShutdownTimeout].
// With its default, a stop in which every part hangs takes less than 30 s, after which
// Kubernetes kills a process.
const (
	// sellerLimit covers one batch, which the seller limits to 5 s. If a batch takes
	// longer, the connections of its buyers are already closed.
	sellerLimit = 6 * time.Second
	// prepareStop covers the rollback of a migration.
	prepareStop = 5 * time.Second
	// crowdLimit covers the clean-up of a demo user, which takes 2 s at most.
	crowdLimit = 5 * time.Second
	// stressLimit covers a load test that is aborted after 2 s, and its report.
	stressLimit = 5 * time.Second
	// monitoringLimit covers 5 s for running rules and queries, 2 s for notifications, and
	// the last writes of the databases.
	monitoringLimit = 10 * time.Second
	// backgroundLimit covers a call to the database that ends with its context.
	backgroundLimit = 2 * time.Second
	// machineLimit covers one reading of the machine.
	machineLimit = 500 * time.Millisecond
	// storeLimit covers closing connections. A database that was not closed recovers when
	// it is opened.
	storeLimit = 3 * time.Second
	// closeLimit covers closing a file or a socket.
	closeLimit = 500 * time.Millisecond
)

// Run serves until the context ends or an essential part fails, and then stops all parts,
// each within its own time limit. An optional part that fails or panics does not end it. It
// returns nil if all parts have stopped without an error. It must be called only once.
func (a *App) Run(ctx context.Context) error {
	a.warn()
	a.start(ctx)
	select {
	case <-ctx.Done():
		a.log.Info("shutting down", "timeout", a.options.ShutdownTimeout)
	case <-a.parts.failed:
	}
	err := a.parts.Stop(ctx)
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// start starts the parts. They stop in reverse order: first the parts that buyers wait for,
// then the optional ones, and last the store, which New opened.
func (a *App) start(ctx context.Context) {
	p := a.parts
	p.Optional(ctx, "machine metrics", machineLimit, func(ctx context.Context) error { a.machine.Run(ctx); return nil })
	early := []*undo{
		p.Optional(ctx, "fault injection", backgroundLimit, a.oncePrepared(a.injector.Run)),
		p.Optional(ctx, "audit", backgroundLimit, a.oncePrepared(a.audit.Run)),
	}
	if x := &a.extras; a.options.Up != nil {
		if x.monitor != nil {
			early = append(early, p.Optional(ctx, "monitoring", monitoringLimit, x.monitor.Run))
		}
		early = append(early,
			p.OnStop("load test", stressLimit, x.closeRuns),
			p.Optional(ctx, "demo users", crowdLimit, a.oncePrepared(x.runCrowd)))
	}
	p.OnStop("seller", sellerLimit, a.seller.Stop)
	early = append(early, p.Essential(ctx, "preparation", prepareStop, a.prepare))
	p.Serve("http server", a.options.ShutdownTimeout, a.http, a.listener)

	// Load generators stop now. The monitoring also stops now, because it would report that
	// the server is down. Stop waits for them only after buyers have their answers.
	p.OnStop("drain", a.options.DrainDelay+closeLimit, func(ctx context.Context) error {
		a.api.Drain()
		for _, part := range early {
			part.Begin(ctx)
		}
		a.drainDelay(ctx)
		return nil
	})
}

// drainDelay keeps serving for [Options.DrainDelay]. Within that time, a load balancer sees
// that this server is not ready, and sends no more requests to it.
func (a *App) drainDelay(ctx context.Context) {
	select {
	case <-a.prepared:
	default:
		return // it was never ready
	}
	timer := time.NewTimer(a.options.DrainDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.parts.failed: // perhaps the server itself
	case <-ctx.Done():
	}
}

// oncePrepared returns a function that waits for the schema and then runs a part. It drops
// the error that the end of the context causes.
func (a *App) oncePrepared(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
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
}
