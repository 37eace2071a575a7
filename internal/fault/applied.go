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
	// replaced is closed when another plan is applied.
	replaced chan struct{}
}

type routeFaults struct {
	RouteFaults

	lasting lasting
	dice    *dice
}

type databaseFaults struct {
	DatabaseFaults

	lasting lasting
	dice    *dice
}

// lasting says when a fault is active: from when its plan was applied to the
// end, if it has one.
type lasting struct {
	on  bool
	end time.Time // zero without end
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

// apply makes a plan ready, at the time now.
func apply(state State, now time.Time) *applied {
	state.Plan = state.Plan.normal()
	state.Age = max(state.Age, 0)
	a := &applied{state: state, since: now.Add(-state.Age), replaced: make(chan struct{})}
	plan := &a.state.Plan
	a.routes = make(map[string]*routeFaults, len(plan.Routes))
	for path, r := range plan.Routes {
		when := a.when(true, r.For)
		a.routes[path] = &routeFaults{RouteFaults: r, lasting: when, dice: newDice(plan.Seed, path)}
		a.add(kindDelay, r.Delay != Delay{}, when)
		a.add(kindDeny, r.Deny > 0, when)
		a.add(kindError, r.Error > 0, when)
		a.add(kindReset, r.Reset > 0, when)
		a.add(kindHang, r.Hang > 0, when)
	}
	if d := plan.Database; d != (DatabaseFaults{}) {
		when := a.when(true, d.For)
		a.database = &databaseFaults{DatabaseFaults: d, lasting: when, dice: newDice(plan.Seed, "database")}
		a.add(kindDatabaseDelay, d.Delay != Delay{}, when)
		a.add(kindDatabaseError, d.Error > 0, when)
	}
	a.lasting[kindCPU] = a.when(plan.CPU.Share > 0, plan.CPU.For)
	a.lasting[kindMemory] = a.when(plan.Memory.Bytes > 0, plan.Memory.For)
	a.lasting[kindNotReady] = a.when(plan.NotReady.On, plan.NotReady.For)
	a.lasting[kindScrapeOutage] = a.when(plan.ScrapeOutage.On, plan.ScrapeOutage.For)
	return a
}

// when returns when a fault of the plan is active.
func (a *applied) when(on bool, lasts time.Duration) lasting {
	if !on || lasts == 0 {
		return lasting{on: on}
	}
	return lasting{on: true, end: a.since.Add(lasts)}
}

// add notes that a kind of fault is also active then, if it is on.
func (a *applied) add(k kind, on bool, when lasting) {
	if on {
		a.lasting[k] = a.lasting[k].and(when)
	}
}
