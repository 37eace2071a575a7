// Package scenario has the built-in scenarios of the load tester, and the checks
// before and after a run: [Instance.Check] tests that the target is the API that a
// scenario needs and has tickets left, and [Instance.OpenBooks] compares the tickets
// that were confirmed as sold with those that the target recorded.
//
// [Spec.New] makes a new instance for each run, because an instance counts the purchases of its
// users.
package scenario

import (
	"errors"
	"sync/atomic"
	"time"

	"onsale/internal/stress"
)

// ErrNotReady is the error of a target that a scenario cannot run against. Its
// text says what to do.
var ErrNotReady = errors.New("target is not ready")

// Spec is a built-in scenario.
type Spec struct {
	// Name is the value of --scenario, and Summary one line about it.
	Name, Summary string
	// Sells is set if users buy tickets, so that there are books to compare with.
	Sells bool

	// needs is what the target must have.
	needs need
	// tickets is the average number of tickets that a task requests, and takes the average
	// duration of a task with its wait.
	tickets float64
	takes   time.Duration
	// build fills in the tasks of users.
	build func(in *Instance)
}

// need is what a scenario needs from its target.
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
			Name: "tickets", Summary: "3 of 4 tasks list the concerts, 1 buys tickets; waits 1 to 3 s",
			Sells: true, needs: needTickets, tickets: ticketsATask, takes: buyerTakes,
			build: func(in *Instance) { buildTickets(in, "/buy/") },
		},
		{
			Name: "tickets-random-deny", Summary: "the same, on the route that denies some purchases",
			Sells: true, needs: needTickets, tickets: ticketsATask, takes: buyerTakes,
			build: func(in *Instance) { buildTickets(in, "/buy_random_deny/") },
		},
		{Name: "items", Summary: "creates and deletes items, each user with its own token", needs: needItems, build: buildItems},
		{Name: "browse", Summary: "requests the list, pages of it and single concerts; buys nothing", needs: needConcert, build: buildBrowse},
		{
			Name: "rush", Summary: "all users buy the one new concert at second 0",
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

// Instance is a scenario for one run, or for several in a row whose purchases are
// counted together.
type Instance struct {
	Spec
	// Scenario has the tasks of the users.
	Scenario *stress.Scenario
	// Tally counts the answers to their purchases.
	Tally *Tally

	offers *offers
	// wanted is the concert that all users buy; 0 means the newest.
	wanted atomic.Int64
	// soldOut is set after an answer to any user said that the last ticket of it is sold.
	soldOut atomic.Bool
}

// New returns the scenario for a run.
func (s Spec) New() *Instance {
	in := &Instance{Spec: s, Tally: newTally(), Scenario: &stress.Scenario{Name: s.Name, Summary: s.Summary}}
	s.build(in)
	return in
}
