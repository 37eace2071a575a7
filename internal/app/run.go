package app

import (
	"context"
	"errors"
	"time"
)

// How long each part may take to stop. Requests in flight have
// [Options.ShutdownTimeout]; with its default, a stop in which every part hangs
// takes less than the 30 s after which Kubernetes kills a process.
const (
	// sellerLimit covers one run of a batch, which the seller bounds to 5 s. The
	// buyers of a batch that takes longer have been cut off before.
	sellerLimit = 6 * time.Second
	// prepareStop covers the rollback of a migration.
	prepareStop = 5 * time.Second
	// crowdLimit covers what a demo user tidies up, which takes 2 s at most.
	crowdLimit = 5 * time.Second
	// stressLimit covers a load test that is cut off after 2 s, and its report.
	stressLimit = 5 * time.Second
	// monitoringLimit covers 5 s for rules and queries under way, 2 s for
	// notifications, and what the databases write at their end.
	monitoringLimit = 10 * time.Second
	// backgroundLimit covers a call to the database that ends with its context.
	backgroundLimit = 2 * time.Second
	// machineLimit covers one reading of the machine.
	machineLimit = 500 * time.Millisecond
	// storeLimit covers closing connections. A database that is not closed in
	// order recovers when it is opened.
	storeLimit = 3 * time.Second
	// closeLimit covers closing a file or a socket.
	closeLimit = 500 * time.Millisecond
)

// Run serves until the context ends or the sale itself fails, and then stops all
// parts, each within a bound of its own. A part beside the sale that fails or
// panics does not end it. An orderly end is nil. It may be called once.
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

// start starts the parts. They stop in reverse order: what buyers wait for stops
// before what runs beside the sale, and the store, which New opened, after that.
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
			p.Optional(ctx, "crowd", crowdLimit, a.oncePrepared(x.runCrowd)))
	}
	p.OnStop("seller", sellerLimit, a.seller.Stop)
	early = append(early, p.Essential(ctx, "preparation", prepareStop, a.prepare))
	p.Serve("http server", a.options.ShutdownTimeout, a.http, a.listener)

	// Load generators end now, and the monitoring as well, or it would report that
	// the server is down. Nobody waits for them until buyers have their answers.
	p.OnStop("drain", a.options.DrainDelay+closeLimit, func(ctx context.Context) error {
		a.api.Drain()
		for _, part := range early {
			part.Begin(ctx)
		}
		a.drainDelay(ctx)
		return nil
	})
}

// drainDelay goes on serving for a moment, so that a load balancer sees that this
// server is not ready any more, and sends no more requests here.
func (a *App) drainDelay(ctx context.Context) {
	select {
	case <-a.prepared:
	default:
		return // it never was ready
	}
	timer := time.NewTimer(a.options.DrainDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.parts.failed: // there may be nothing left that serves
	case <-ctx.Done():
	}
}

// oncePrepared returns what runs a part that needs the schema. An error
// that the end of the context causes is dropped.
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
