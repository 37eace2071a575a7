package control_test

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
	"onsale/internal/stress"
	"onsale/internal/stress/control"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// desk starts runs that send nothing.
type desk struct {
	mu      sync.Mutex
	live    control.Live
	changes []control.Change
	asked   int // how often what goes on was asked for
	kept    []result.Run
	// broken is the error of all that is read.
	broken error
}

var _ control.Desk = (*desk)(nil)

const limit = 1000

func invalid(name, rule string) error {
	return fmt.Errorf("desk: %w", &field.Error{Field: name, Rule: rule})
}

func (d *desk) Start(ctx context.Context, s result.Settings) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case d.live.Running:
		return "", fmt.Errorf("start: %w", control.ErrRunning)
	case s.Users > limit:
		return "", invalid("users", "must be between 1 and 1000")
	}
	started := time.Date(2026, 11, 22, 9, 0, len(d.kept), 0, time.UTC)
	id := started.Format("20060102-150405") + "-7f3a"
	d.live = control.Live{
		Running: true, ID: id,
		Now:    stress.Now{Users: s.Users, Wanted: float64(s.Users), Left: -1},
		Report: result.Run{Schema: result.Schema, ID: id, Settings: s, Started: started},
	}
	return id, nil
}

func (d *desk) Stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.live.Running {
		return control.ErrIdle
	}
	d.live.Now.Stopping = true
	return nil
}

func (d *desk) Change(c control.Change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.live.Running:
		return control.ErrIdle
	case c.Rate != nil:
		return invalid("rate", "does not fit a run of users")
	case *c.Users > limit || *c.Users < 0:
		return invalid("users", "must be between 0 and 1000")
	}
	d.changes = append(d.changes, c)
	d.live.Now.Wanted = float64(*c.Users)
	return nil
}

func (d *desk) Live() control.Live {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	return d.live
}

func (d *desk) Runs() (runs []history.Summary, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.kept {
		runs = append(runs, history.Summary{ID: r.ID, Requests: r.Stats.Total.Requests})
	}
	return runs, d.broken
}

func (d *desk) Run(id string) (result.Run, error) {
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

func (d *desk) Compare(base, other string) (history.Comparison, error) {
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

func (d *desk) Scenarios() []control.Scenario {
	return []control.Scenario{{Name: "tickets", Summary: "looks and buys"}}
}

// tell lets the run make some requests.
func (d *desk) tell(requests int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.live.Report.Stats
	s.Total.Requests = requests
	s.Entries = []stats.Summary{{Method: "GET", Name: "/concerts", Requests: requests}}
	s.Series = append(slices.Clip(s.Series), stats.Point{At: float64(len(s.Series) + 1), Requests: requests})
}

// end ends the run, and returns its id.
func (d *desk) end() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept = append(d.kept, d.live.Report)
	d.live = control.Live{ID: d.live.ID}
	return d.live.ID
}

// logs keeps what is logged.
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

// newAPI returns the API of a desk, and what it logs.
func newAPI(tb testing.TB) (http.Handler, *desk, *logs) {
	tb.Helper()
	d, l := &desk{}, &logs{}
	return control.Handler(tb.Context(), d, slog.New(slog.NewTextHandler(l, nil))), d, l
}
