package scenario_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/scenario"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// request is a request that a fake target received.
type request struct {
	user               int
	method, path, body string
	header             map[string]string
	at                 time.Time
}

// target is a fake target without a network, which records requests.
type target struct {
	answer func(r request) (status int, body string)

	mu    sync.Mutex
	users int
	seen  []request
}

// connect returns the connection of the next user.
func (f *target) connect() wire.Doer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users++
	return &connection{target: f, user: f.users}
}

// requests returns the requests so far.
func (f *target) requests() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]request(nil), f.seen...)
}

// count returns how many requests begin with a method and a path, such as "POST /buy/".
func (f *target) count(begin string) (n int) {
	for _, r := range f.requests() {
		if strings.HasPrefix(r.method+" "+r.path, begin) {
			n++
		}
	}
	return n
}

// lost is the status of a request that gets no answer.
const lost = 0

type connection struct {
	target *target
	user   int
}

func (c *connection) Do(ctx context.Context, r *wire.Request) (*wire.Response, error) {
	if ctx.Err() != nil {
		return nil, &wire.Error{Kind: wire.Canceled, Err: ctx.Err()}
	}
	seen := request{c.user, r.Method, r.Path, string(r.Body), map[string]string{}, time.Now()}
	for _, f := range r.Header {
		seen.header[f.Name] = f.Value
	}
	c.target.mu.Lock()
	c.target.seen = append(c.target.seen, seen)
	c.target.mu.Unlock()
	status, body := c.target.answer(seen)
	if status == lost {
		return nil, &wire.Error{Kind: wire.Closed, Err: errors.New("no answer")}
	}
	return &wire.Response{Status: status, Body: []byte(body), Size: int64(len(body))}, nil
}

func (*connection) Release() {}

func (*connection) Close() {}

func (*connection) Protocol() string { return "fake" }

// office is a fake target with concerts 1 to n, which confirms every purchase.
func office(n int) *target {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = `{"id":` + strconv.Itoa(i+1) + `,"title":"\"a\" {[","available":100}`
	}
	list := "[" + strings.Join(ids, ",") + "]\n"
	return &target{answer: func(r request) (int, string) {
		if r.method == "GET" {
			return 200, list
		}
		return 200, receipt(r)
	}}
}

// receipt returns the receipt of a purchase.
func receipt(r request) string {
	_, quantity, _ := strings.Cut(r.body, `"quantity":`)
	return `{"concert_id":` + r.path[strings.LastIndex(r.path, "/")+1:] + `,"quantity":` + strings.TrimSuffix(quantity, "}") + `,"status":"success"}`
}

// instance returns a built-in scenario for a run.
func instance(tb testing.TB, name string) *scenario.Instance {
	tb.Helper()
	spec, ok := scenario.Find(name)
	if !ok {
		tb.Fatalf("scenario %s does not exist", name)
	}
	return spec.New()
}

// run runs a scenario with a number of users for a time, and returns the statistics.
func run(tb testing.TB, in *scenario.Instance, connect func() wire.Doer, users float64, length time.Duration) stats.Snapshot {
	tb.Helper()
	return runLoad(tb, in.Scenario, connect, stress.Load{Curve: stress.Curve{From: users}}, length)
}

func runLoad(tb testing.TB, s *stress.Scenario, connect func() wire.Doer, load stress.Load, length time.Duration) stats.Snapshot {
	tb.Helper()
	r, recorder := newRun(tb, s, connect, load, length)
	if err := r.Run(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return recorder.Snapshot(time.Now())
}

// patience limits how long [runUntil] waits, on a slow machine too.
const patience = time.Minute

// runUntil runs a scenario over a real network until the statistics are sufficient.
func runUntil(tb testing.TB, s *stress.Scenario, connect func() wire.Doer, users float64, enough func(s stats.Snapshot) bool) stats.Snapshot {
	tb.Helper()
	r, recorder := newRun(tb, s, connect, stress.Load{Curve: stress.Curve{From: users}}, patience)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(tb.Context()) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for stopped := false; ; {
		select {
		case <-tick.C:
			if !stopped && enough(recorder.Snapshot(time.Now())) {
				stopped = true
				r.Stop()
			}
		case err := <-ended:
			if err != nil {
				tb.Fatal(err)
			}
			if !stopped {
				tb.Errorf("after %s the statistics are not sufficient", patience)
			}
			return recorder.Snapshot(time.Now())
		}
	}
}

// counted returns the number of requests by method and name.
func counted(s stats.Snapshot) map[string]int64 {
	requests := map[string]int64{}
	for _, e := range s.Entries {
		requests[e.Method+" "+e.Name] = e.Requests
	}
	return requests
}

func newRun(tb testing.TB, s *stress.Scenario, connect func() wire.Doer, load stress.Load, length time.Duration) (*stress.Run, *stats.Recorder) {
	tb.Helper()
	recorder := stats.New(stats.Options{Start: time.Now()})
	r, err := stress.New(stress.Options{
		Scenario: s, Load: load, RunTime: length, StopTimeout: 10 * time.Second, Seed: 7,
		Connect: connect, Stats: recorder,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r, recorder
}
