package fault

import "time"

// applied is a plan prepared for calls. It is built once when the plan is set and
// never changes, so calls read it without a lock. Only the random generators have
// state.
type applied struct {
	state State
	// since is when the plan was set, by the clock of this replica.
	since time.Time
	// routes holds only the routes with faults.
	routes   map[string]*routeFaults
	database *databaseFaults // nil without faults
	// lasting is when each kind of fault is active.
	lasting [numKinds]lasting
}

type routeFaults struct {
	RouteFaults

	// when is when each kind of fault is active, and lasting when any of them is.
	when    [numRouteKinds]lasting
	lasting lasting
	random  *generator
	// released is closed to end the hang of calls.
	released chan struct{}
}

type databaseFaults struct {
	DatabaseFaults

	delay, error lasting
	lasting      lasting
	random       *generator
	// released is closed to end the delay of calls.
	released chan struct{}
}

// lasting is the time when a fault is active: from begun to end, if it has an end.
type lasting struct {
	on    bool
	begun time.Time
	end   time.Time // zero without end
}

// active reports whether the fault is active. It calls now only if there is an end.
func (l lasting) active(now func() time.Time) bool {
	return l.on && (l.end.IsZero() || now().Before(l.end))
}

// and returns the time when at least one of the faults is active.
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

// clockError is the tolerance for the time at which a fault was set. It is computed
// from the age in the database's response, and the response takes a moment.
const clockError = 250 * time.Millisecond

// same reports whether both are the same fault in two plans, unchanged by the later
// plan.
func (l lasting) same(other lasting) bool {
	return l.on == other.on && l.begun.Sub(other.begun).Abs() < clockError &&
		l.end.IsZero() == other.end.IsZero() && l.end.Sub(other.end).Abs() < clockError
}

// apply prepares a plan for calls. now is the time at which its state was
// requested.
func apply(state State, now time.Time) *applied {
	state.Plan = state.Plan.normal()
	state.Age = max(state.Age, 0)
	a := &applied{state: state, since: now.Add(-state.Age)}
	plan := &a.state.Plan
	a.routes = make(map[string]*routeFaults, len(plan.Routes))
	for path, r := range plan.Routes {
		a.routes[path] = &routeFaults{RouteFaults: r, random: newGenerator(plan.Seed, path), released: make(chan struct{})}
	}
	if d := plan.Database; d != (DatabaseFaults{}) {
		a.database = &databaseFaults{DatabaseFaults: d, random: newGenerator(plan.Seed, "database"), released: make(chan struct{})}
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

// release ends the waits of calls for the faults of a, except for faults that next
// contains unchanged.
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
