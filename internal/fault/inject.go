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
// fault's time, a plan that changes it, or after [MaxHang], and then the delay. A call that
// hung is not delayed on top. A delay is waited out even when its fault ends
// meanwhile. The error is nil, one of those three, or ctx's.
func (i *Injector) Route(ctx context.Context, route string) error {
	r := i.current.Load().routes[route]
	if r == nil || !r.lasting.active(i.now) {
		return nil
	}
	lasts := func(k kind) bool { return r.when[k].active(i.now) }
	fate := r.dice.route(&r.RouteFaults)
	switch {
	case fate.deny && lasts(kindDeny):
		i.metrics.count(kindDeny)
		return ErrDenied
	case fate.fail && lasts(kindError):
		i.metrics.count(kindError)
		return ErrInjected
	case fate.reset && lasts(kindReset):
		i.metrics.count(kindReset)
		return ErrReset
	case fate.hang && lasts(kindHang):
		i.metrics.count(kindHang)
		return i.waitWhile(ctx, MaxHang, r.when[kindHang].end, r.released)
	case fate.delay > 0 && lasts(kindDelay):
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
	d := i.current.Load().database
	if d == nil || !d.lasting.active(i.now) {
		return nil
	}
	fate := d.dice.database(&d.DatabaseFaults)
	if fate.delay > 0 && d.delay.active(i.now) {
		i.metrics.count(kindDatabaseDelay)
		if err := i.waitWhile(ctx, fate.delay, d.delay.end, d.released); err != nil {
			return err
		}
	}
	if fate.fail && d.error.active(i.now) {
		i.metrics.count(kindDatabaseError)
		return ErrInjected
	}
	return nil
}

// waitWhile waits for a time, and at most for the call's end, for the end of
// the fault (zero for none), or until a plan that changes it lets the call go.
func (i *Injector) waitWhile(ctx context.Context, limit time.Duration, end time.Time, released <-chan struct{}) error {
	if !end.IsZero() {
		limit = min(limit, end.Sub(i.now()))
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-released:
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
