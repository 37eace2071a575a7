// Package api is the load tester's HTTP API, for the console and for scripts. It
// starts, reports, changes and stops runs, and streams their state as server-sent
// events. The caller of [Handler] authorizes requests.
//
// Errors are problem documents, in the same form as all errors of Onsale's API.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"onsale/internal/problem"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
)

// The errors of a [Runner].
var (
	// ErrRunning is returned if a run is under way, so that no other can start.
	ErrRunning = errors.New("a run is under way")
	// ErrIdle is returned if no run is under way.
	ErrIdle = errors.New("no run is under way")
)

// Runner starts runs and keeps them; [Manager] is one. It is safe for concurrent
// use.
type Runner interface {
	// Start starts a run and returns its id. The context bounds only the checks
	// before the run; the run outlives it. Invalid settings are a [*field.Error].
	// While a run is under way, Start returns [ErrRunning].
	Start(ctx context.Context, s result.Settings) (id string, err error)
	// Stop ends the run gently, without waiting for its end. It returns [ErrIdle] if
	// no run is under way.
	Stop() error
	// Change changes the load of the run. A change that does not fit the run is a
	// [*field.Error]. Without a run, Change returns [ErrIdle].
	Change(c Change) error
	// Live returns the current state. Once it reports a run as ended, Run returns that
	// run.
	Live() Live
	// Runs returns summaries of the kept runs, the newest first.
	Runs() ([]history.Summary, error)
	// Run returns a kept run. Errors wrap [history.ErrNotFound],
	// [history.ErrAmbiguous] or [history.ErrDamaged].
	Run(id string) (result.Run, error)
	// Compare compares a kept run with an earlier one. Errors are those of Run.
	Compare(base, other string) (history.Comparison, error)
	// Scenarios returns the scenarios that settings can name.
	Scenarios() []Scenario
}

// Change is a change of the load. Either Users or Rate is set.
type Change struct {
	// Users is the new number of users, in the closed model.
	Users *int `json:"users"`
	// Rate is the new rate in tasks a second, in the open model.
	Rate *float64 `json:"rate"`
	// SpawnRate is how many users start or stop per second; 0 changes the load at
	// once.
	SpawnRate float64 `json:"spawn_rate"`
}

// Live is the current state of a [Runner].
type Live struct {
	// Running is set while a run is under way.
	Running bool
	// ID is the id of the current run, else of the last one; empty before the first.
	ID string
	// Now and Report describe the current run; zero if none is under way.
	Now    result.Now
	Report result.Run
}

// Scenario is a built-in scenario: what users do.
type Scenario struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

// handler serves the API.
type handler struct {
	runner Runner
	log    *slog.Logger
	events *events
}

// Handler returns the API, whose paths begin with /stress. The end of the context ends all
// event streams, because a server that shuts down waits for them. Internal errors go
// to the logger and not to the client.
func Handler(ctx context.Context, runner Runner, logger *slog.Logger) http.Handler {
	h := &handler{runner: runner, log: logger.With("component", "stress"), events: newEvents(ctx.Done(), runner)}
	mux := http.NewServeMux()
	for path, calls := range map[string]methods{
		"/stress":                       {http.MethodGet: h.state},
		"/stress/events":                {http.MethodGet: h.events.serve},
		"/stress/scenarios":             {http.MethodGet: h.scenarios},
		"/stress/runs":                  {http.MethodGet: h.runs, http.MethodPost: h.start},
		"/stress/runs/current":          {http.MethodPatch: h.change, http.MethodDelete: h.stop},
		"/stress/runs/{id}":             {http.MethodGet: h.run},
		"/stress/runs/{id}/report.html": {http.MethodGet: h.page},
		"/stress/compare":               {http.MethodGet: h.compare},
	} {
		mux.Handle(path, calls)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { pathNotFound().Write(w) })
	return mux
}

// methods are the handlers of one path, by method.
type methods map[string]http.HandlerFunc

// ServeHTTP calls the handler of the method, or answers with the allowed methods.
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
