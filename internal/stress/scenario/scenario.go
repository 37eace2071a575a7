// Package scenario has the built-in scenarios of the load tester, and what is
// looked at before and after a run: whether the target is the API that a
// scenario needs and has tickets left ([Instance.Check]), and whether the tickets
// told sold are those in the target's books ([Instance.OpenBooks]).
//
// A scenario is made anew for each run by [Spec.New], for it counts what its
// users were told.
package scenario

import (
	"errors"
	"sync/atomic"
	"time"

	"onsale/internal/stress"
)

// ErrNotReady is what a target is that cannot take the scenario as things are. The
// text of the error says what to do about it.
var ErrNotReady = errors.New("target is not ready")

// Spec is a built-in scenario.
type Spec struct {
	// Name is what --scenario takes, and Summary one line about it.
	Name, Summary string
	// Sells says that it buys tickets: then there are books to compare with.
	Sells bool

	// needs is what the target has to have.
	needs need
	// tickets is how many a task asks for on average, and takes how long a user
	// is busy with one on average, its wait included.
	tickets float64
	takes   time.Duration
	// build fills in what users do.
	build func(in *Instance)
}

// need is what a scenario needs of its target.
type need uint8

const (
	needTickets need = iota // the ticket API, and a concert with tickets left
	needConcert             // the ticket API, and a concert
	needItems               // the items API
)

// Builtin returns all built-in scenarios; the first is the default one.
func Builtin() []Spec {
	return []Spec{
		{
			Name: "tickets", Summary: "3 of 4 tasks look at the concerts, 1 buys tickets; waits 1 to 3 s",
			Sells: true, needs: needTickets, tickets: ticketsATask, takes: buyerTakes,
			build: func(in *Instance) { buildTickets(in, "/buy/") },
		},
		{
			Name: "tickets-random-deny", Summary: "the same, on the route that denies some purchases",
			Sells: true, needs: needTickets, tickets: ticketsATask, takes: buyerTakes,
			build: func(in *Instance) { buildTickets(in, "/buy_random_deny/") },
		},
		{Name: "items", Summary: "creates and deletes items, each user with its own token", needs: needItems, build: buildItems},
		{Name: "browse", Summary: "looks at the list, at pages of it and at single concerts; buys nothing", needs: needConcert, build: buildBrowse},
		{
			Name: "rush", Summary: "everybody wants the one new concert at second 0",
			Sells: true, needs: needTickets, tickets: rushATask, takes: rushTakes, build: buildRush,
		},
	}
}

// Find returns the built-in scenario of that name.
func Find(name string) (Spec, bool) {
	for _, s := range Builtin() {
		if s.Name == name {
			return s, true
		}
	}
	return Spec{}, false
}

// Instance is a scenario for a run, or for several in a row whose purchases are
// to be counted together.
type Instance struct {
	Spec
	// Scenario is what the users of a run do.
	Scenario *stress.Scenario
	// Tally counts what they were told.
	Tally *Tally

	offers *offers
	// aim is the one concert that everybody wants; 0 is the newest.
	wanted atomic.Int64
	// gone says that somebody was told that the last ticket of it is sold.
	soldOut atomic.Bool
}

// New returns the scenario for a run.
func (s Spec) New() *Instance {
	in := &Instance{Spec: s, Tally: newTally(), Scenario: &stress.Scenario{Name: s.Name, Summary: s.Summary}}
	s.build(in)
	return in
}
