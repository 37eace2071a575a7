package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/field"
	"onsale/internal/stress/api"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// runner is a [api.Runner] whose runs send nothing.
type runner struct {
	mu      sync.Mutex
	live    api.Live
	changes []api.Change
	polled  int // number of calls of Live
	kept    []result.Run
	// broken is the error that Runs and Run return.
	broken error
}

var _ api.Runner = (*runner)(nil)

const limit = 1000

func invalid(name, rule string) error {
	return fmt.Errorf("runner: %w", &field.Error{Field: name, Rule: rule})
}

func (d *runner) Start(ctx context.Context, s result.Settings) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case d.live.Running:
		return "", fmt.Errorf("start: %w", api.ErrRunning)
	case s.Users > limit:
		return "", invalid("users", "must be between 1 and 1000")
	}
	started := time.Date(2026, 11, 22, 9, 0, len(d.kept), 0, time.UTC)
	id := started.Format("20060102-150405") + "-7f3a"
	d.live = api.Live{
		Running: true, ID: id,
		Now:    result.Now{Users: s.Users, Wanted: float64(s.Users), Left: -1},
		Report: result.Run{Schema: result.Schema, ID: id, Settings: s, Started: started},
	}
	return id, nil
}

func (d *runner) Stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.live.Running {
		return api.ErrIdle
	}
	d.live.Now.Stopping = true
	return nil
}

func (d *runner) Change(c api.Change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.live.Running:
		return api.ErrIdle
	case c.Rate != nil:
		return invalid("rate", "does not fit a run of users")
	case *c.Users > limit || *c.Users < 0:
		return invalid("users", "must be between 0 and 1000")
	}
	d.changes = append(d.changes, c)
	d.live.Now.Wanted = float64(*c.Users)
	return nil
}

func (d *runner) Live() api.Live {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.polled++
	return d.live
}

func (d *runner) Runs() (runs []history.Summary, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.kept {
		runs = append(runs, history.Summary{ID: r.ID, Requests: r.Stats.Total.Requests})
	}
	return runs, d.broken
}

func (d *runner) Run(id string) (result.Run, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []result.Run
	for _, r := range d.kept {
		if strings.HasPrefix(r.ID, id) {
			found = append(found, r)
		}
	}
	switch {
	case d.broken != nil:
		return result.Run{}, d.broken
	case len(found) == 0:
		return result.Run{}, fmt.Errorf("find: %w", history.ErrNotFound)
	case len(found) > 1:
		return result.Run{}, fmt.Errorf("find: %w", history.ErrAmbiguous)
	}
	return found[0], nil
}

func (d *runner) Compare(base, other string) (history.Comparison, error) {
	a, err := d.Run(base)
	if err != nil {
		return history.Comparison{}, err
	}
	b, err := d.Run(other)
	if err != nil {
		return history.Comparison{}, err
	}
	return history.Compare(a, b), nil
}

func (d *runner) Scenarios() []api.Scenario {
	return []api.Scenario{{Name: "tickets", Summary: "browses and buys"}}
}

// count sets the number of the run's requests.
func (d *runner) count(requests int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.live.Report.Stats
	s.Total.Requests = requests
	s.Entries = []stats.Summary{{Method: "GET", Name: "/concerts", Requests: requests}}
	s.Series = append(slices.Clip(s.Series), stats.Point{At: float64(len(s.Series) + 1), Requests: requests})
}

// end ends the run and returns its id.
func (d *runner) end() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept = append(d.kept, d.live.Report)
	d.live = api.Live{ID: d.live.ID}
	return d.live.ID
}

// logs keeps log messages.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newAPI returns the API of a runner, and its log.
func newAPI(tb testing.TB) (http.Handler, *runner, *logs) {
	tb.Helper()
	d, l := &runner{}, &logs{}
	return api.Handler(tb.Context(), d, slog.New(slog.NewTextHandler(l, nil))), d, l
}
