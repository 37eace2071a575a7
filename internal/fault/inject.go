package fault

import (
	"context"
	"time"
)

// Route lets the faults of a route strike one call, before it is handled. It
// holds nothing while it waits. The route is one of [Routes]; others have no
// faults.
//
// The faults strike in this order: [ErrDenied] at once, [ErrInjected] at once,
// [ErrReset] at once, then a hang, which ends with the call's context, the
// fault's time, the plan, or after [MaxHang], and then the delay. A call that
// hung is not delayed on top. A delay is waited out even when its fault ends
// meanwhile. The error is nil, one of those three, or ctx's.
func (i *Injector) Route(ctx context.Context, route string) error {
	a := i.current.Load()
	r := a.routes[route]
	if r == nil || !r.lasting.active(i.now) {
		return nil
	}
	fate := r.dice.route(&r.RouteFaults)
	switch {
	case fate.deny:
		i.metrics.count(kindDeny)
		return ErrDenied
	case fate.fail:
		i.metrics.count(kindError)
		return ErrInjected
	case fate.reset:
		i.metrics.count(kindReset)
		return ErrReset
	case fate.hang:
		i.metrics.count(kindHang)
		return i.waitWhile(ctx, MaxHang, r.lasting.end, a.replaced)
	case fate.delay > 0:
		i.metrics.count(kindDelay)
		return wait(ctx, fate.delay)
	}
	return nil
}

// Database lets the database's faults strike one transaction: the delay, and
// then nil, [ErrInjected] or ctx's error. Stores call it before a transaction
// begins, while they hold no lock. The delay ends with the fault's time or the
// plan: others queue up behind it, and are not to wait for a fault that is over.
func (i *Injector) Database(ctx context.Context) error {
	a := i.current.Load()
	d := a.database
	if d == nil || !d.lasting.active(i.now) {
		return nil
	}
	fate := d.dice.database(&d.DatabaseFaults)
	if fate.delay > 0 {
		i.metrics.count(kindDatabaseDelay)
		if err := i.waitWhile(ctx, fate.delay, d.lasting.end, a.replaced); err != nil {
			return err
		}
	}
	if fate.fail {
		i.metrics.count(kindDatabaseError)
		return ErrInjected
	}
	return nil
}

// waitWhile waits for a time, and at most for the call's end, for the end of
// the fault (zero for none), or for another plan.
func (i *Injector) waitWhile(ctx context.Context, limit time.Duration, end time.Time, replaced <-chan struct{}) error {
	if !end.IsZero() {
		limit = min(limit, end.Sub(i.now()))
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-replaced:
	case <-timer.C:
	}
	return nil
}

// wait waits for a time, and at most for the context's end.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
