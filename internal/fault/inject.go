package fault

import (
	"context"
	"time"
)

// Route applies the faults of a route to one call, before it is handled. It holds
// no lock while it waits. The route is one of [Routes]; other routes have no
// faults.
//
// Only the first matching fault applies, in this order: [ErrDenied], [ErrInjected]
// and [ErrReset], which return immediately, then a hang, then a delay. A hang ends
// with the call's context, with the fault, when a plan changes the fault, or after
// [MaxHang]. A delay that has started is not cut short when its fault ends. Route
// returns nil, one of those three errors, or the error of ctx.
func (i *Injector) Route(ctx context.Context, route string) error {
	r := i.current.Load().routes[route]
	if r == nil || !r.lasting.active(i.now) {
		return nil
	}
	lasts := func(k kind) bool { return r.when[k].active(i.now) }
	outcome := r.random.route(&r.RouteFaults)
	switch {
	case outcome.deny && lasts(kindDeny):
		i.metrics.count(kindDeny)
		return ErrDenied
	case outcome.fail && lasts(kindError):
		i.metrics.count(kindError)
		return ErrInjected
	case outcome.reset && lasts(kindReset):
		i.metrics.count(kindReset)
		return ErrReset
	case outcome.hang && lasts(kindHang):
		i.metrics.count(kindHang)
		return i.waitWhile(ctx, MaxHang, r.when[kindHang].end, r.released)
	case outcome.delay > 0 && lasts(kindDelay):
		i.metrics.count(kindDelay)
		return wait(ctx, outcome.delay)
	}
	return nil
}

// Database applies the database's faults to one transaction: a delay, and then nil,
// [ErrInjected] or the error of ctx. Stores call it before a transaction begins,
// while they hold no lock. The delay ends when the fault ends or a plan changes it,
// because other calls queue up behind it.
func (i *Injector) Database(ctx context.Context) error {
	d := i.current.Load().database
	if d == nil || !d.lasting.active(i.now) {
		return nil
	}
	outcome := d.random.database(&d.DatabaseFaults)
	if outcome.delay > 0 && d.delay.active(i.now) {
		i.metrics.count(kindDatabaseDelay)
		if err := i.waitWhile(ctx, outcome.delay, d.delay.end, d.released); err != nil {
			return err
		}
	}
	if outcome.fail && d.error.active(i.now) {
		i.metrics.count(kindDatabaseError)
		return ErrInjected
	}
	return nil
}

// waitWhile waits for the limit. It returns earlier when ctx ends, when the fault
// ends (zero for no end), or when released is closed.
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

// wait waits for d or until the context ends.
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
