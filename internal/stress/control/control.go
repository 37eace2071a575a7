// Package control is the load tester's API, for a page and for scripts: runs are
// started, watched, changed and stopped over HTTP and JSON, and what goes on is
// told in an event stream. Who may make these calls is decided outside.
//
// Errors are problems in the form of all problems of Onsale's API.
package control

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"onsale/internal/problem"
	"onsale/internal/stress"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
)

// The errors of a [Desk].
var (
	// ErrRunning says that a run is under way, so that no other can start.
	ErrRunning = errors.New("a run is under way")
	// ErrIdle says that no run is under way.
	ErrIdle = errors.New("no run is under way")
)

// Desk is where runs are started and kept. It is safe for concurrent use.
type Desk interface {
	// Start begins a run and returns its id. The run outlives the context, which
	// bounds the checks before it alone. Settings that cannot be used are a
	// [*field.Error]; the other error that is expected is [ErrRunning].
	Start(ctx context.Context, s result.Settings) (id string, err error)
	// Stop ends the run gently and does not wait for that. It returns [ErrIdle] if none is
	// under way.
	Stop() error
	// Change changes the load of the run. A change that does not fit the run is a
	// [*field.Error]; [ErrIdle] is returned if none is under way.
	Change(c Change) error
	// Live returns what goes on. A run that is no longer running is kept
	// already.
	Live() Live
	// Runs returns the runs that are kept, the newest first.
	Runs() ([]history.Summary, error)
	// Run returns one of them, and Compare sets one beside an earlier one. Errors
	// wrap [history.ErrNotFound] and its like.
	Run(id string) (result.Run, error)
	Compare(base, other string) (history.Comparison, error)
	// Scenarios returns the scenarios that settings may name.
	Scenarios() []Scenario
}

// Change is a change of the load; one of Users and Rate is given.
type Change struct {
	// Users is how many there should be, in the closed model.
	Users *int `json:"users"`
	// Rate is how many tasks a second should begin, in the open model.
	Rate *float64 `json:"rate"`
	// SpawnRate is how many of them a second come or go; with 0 all do at once.
	SpawnRate float64 `json:"spawn_rate"`
}

// Live is what goes on at a [Desk].
type Live struct {
	// Running says that a run is under way.
	Running bool
	// ID is that of the run, or of the last one that ended; empty if there was
	// none.
	ID string
	// Now and Report are those of the run; zero if none is under way.
	Now    stress.Now
	Report result.Run
}

// Scenario is what users can be asked to do.
type Scenario struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

// control answers the calls.
type control struct {
	desk   Desk
	log    *slog.Logger
	events *events
}

// Handler returns the API, whose paths begin with /stress. The end of the context ends all
// event streams: a server that is shut down waits for them. The logger hears of what
// the client is not told.
func Handler(ctx context.Context, desk Desk, logger *slog.Logger) http.Handler {
	c := &control{desk: desk, log: logger.With("component", "stress"), events: newEvents(ctx.Done(), desk)}
	mux := http.NewServeMux()
	for path, calls := range map[string]methods{
		"/stress":                       {http.MethodGet: c.state},
		"/stress/events":                {http.MethodGet: c.events.serve},
		"/stress/scenarios":             {http.MethodGet: c.scenarios},
		"/stress/runs":                  {http.MethodGet: c.runs, http.MethodPost: c.start},
		"/stress/runs/current":          {http.MethodPatch: c.change, http.MethodDelete: c.stop},
		"/stress/runs/{id}":             {http.MethodGet: c.run},
		"/stress/runs/{id}/report.html": {http.MethodGet: c.page},
		"/stress/compare":               {http.MethodGet: c.compare},
	} {
		mux.Handle(path, calls)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { pathNotFound().Write(w) })
	return mux
}

// methods are the calls of one path.
type methods map[string]http.HandlerFunc

// ServeHTTP makes a call, or says which there are.
func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if call := m[method]; call != nil {
		call(w, r)
		return
	}
	var allowed []string
	for method := range m {
		allowed = append(allowed, method)
	}
	if m[http.MethodGet] != nil {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	problem.RefuseMethod(w, allowed...)
}
