package fault

import "time"

// applied is a plan as calls read it: made ready once, when it is set, and
// never changed, so that reading takes no lock. Only the dice move.
type applied struct {
	state State
	// since is when the plan was set, by the clock of this replica.
	since time.Time
	// routes holds the routes that have faults, no others.
	routes   map[string]*routeFaults
	database *databaseFaults // nil without faults
	// lasting says when each kind of fault is active.
	lasting [numKinds]lasting
}

type routeFaults struct {
	RouteFaults

	// when says when each kind of fault is active, and lasting when any is.
	when    [numRouteKinds]lasting
	lasting lasting
	dice    *dice
	// released is closed when calls that hang are to hang no more.
	released chan struct{}
}

type databaseFaults struct {
	DatabaseFaults

	delay, error lasting
	lasting      lasting
	dice         *dice
	// released is closed when calls that are delayed are to wait no more.
	released chan struct{}
}

// lasting says when a fault is active: from when it was set to the end, if it
// has one.
type lasting struct {
	on    bool
	begun time.Time
	end   time.Time // zero without end
}

// active reports whether the fault lasts. The time is only read if there is an end.
func (l lasting) active(now func() time.Time) bool {
	return l.on && (l.end.IsZero() || now().Before(l.end))
}

// and returns when either fault is active.
func (l lasting) and(other lasting) lasting {
	switch {
	case !l.on:
		return other
	case !other.on:
		return l
	case l.end.IsZero() || other.end.IsZero():
		return lasting{on: true}
	case l.end.Before(other.end):
		return other
	}
	return l
}

// clockError is how far apart two readings of the time at which a fault was set
// may be: the database tells its age, and an answer takes a moment.
const clockError = 250 * time.Millisecond

// same reports whether both are the same fault, in two plans of which the later
// left it alone.
func (l lasting) same(other lasting) bool {
	return l.on == other.on && l.begun.Sub(other.begun).Abs() < clockError &&
		l.end.IsZero() == other.end.IsZero() && l.end.Sub(other.end).Abs() < clockError
}

// apply makes a plan ready whose state was asked for at the time now.
func apply(state State, now time.Time) *applied {
	state.Plan = state.Plan.normal()
	state.Age = max(state.Age, 0)
	a := &applied{state: state, since: now.Add(-state.Age)}
	plan := &a.state.Plan
	a.routes = make(map[string]*routeFaults, len(plan.Routes))
	for path, r := range plan.Routes {
		a.routes[path] = &routeFaults{RouteFaults: r, dice: newDice(plan.Seed, path), released: make(chan struct{})}
	}
	if d := plan.Database; d != (DatabaseFaults{}) {
		a.database = &databaseFaults{DatabaseFaults: d, dice: newDice(plan.Seed, "database"), released: make(chan struct{})}
	}
	for _, f := range plan.parts() {
		when := a.when(f)
		a.lasting[f.kind] = a.lasting[f.kind].and(when)
		switch {
		case f.kind < numRouteKinds:
			r := a.routes[f.of]
			r.when[f.kind], r.lasting = when, r.lasting.and(when)
		case f.kind == kindDatabaseDelay:
			a.database.delay, a.database.lasting = when, a.database.lasting.and(when)
		case f.kind == kindDatabaseError:
			a.database.error, a.database.lasting = when, a.database.lasting.and(when)
		}
	}
	return a
}

// when returns when a fault of the plan is active.
func (a *applied) when(f part) lasting {
	l := lasting{on: true, begun: a.since.Add(a.state.Begun[f.field])}
	if f.lasts > 0 {
		l.end = l.begun.Add(f.lasts)
	}
	return l
}

// release lets go the calls that wait for the faults of a, but for those that
// next has as well.
func (a *applied) release(next *applied) {
	for path, old := range a.routes {
		r := next.routes[path]
		if r != nil && r.Hang == old.Hang && r.when[kindHang].same(old.when[kindHang]) {
			r.released = old.released
		} else {
			close(old.released)
		}
	}
	if old := a.database; old != nil {
		d := next.database
		if d != nil && d.Delay == old.Delay && d.delay.same(old.delay) {
			d.released = old.released
		} else {
			close(old.released)
		}
	}
}
