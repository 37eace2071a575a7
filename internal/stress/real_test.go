package stress_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// These tests use real time and real sockets. They assert what is true on a machine
// however busy it is: a witness with its own clocks sees each request, and the load
// tester's report must agree. BenchmarkStressOpen in cmd/onsale measures and limits how
// late tasks are on a quiet machine.

// to returns how users connect to a server.
func to(tb testing.TB, url string) func() wire.Doer {
	tb.Helper()
	target, err := wire.ParseTarget(url)
	if err != nil {
		tb.Fatal(err)
	}
	return func() wire.Doer { return wire.New(target, wire.Options{}) }
}

// run runs a load against a real server.
func run(tb testing.TB, url string, load stress.Load, runTime time.Duration, kind stress.Kind) (stats.Snapshot, *stress.Run) {
	tb.Helper()
	o := options(load, runTime, nil, kind)
	o.Connect = to(tb, url)
	r, err := stress.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	if err := r.Run(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return o.Stats.Snapshot(time.Now()), r
}

// TestTheRateIsKept: of 2,000 tasks a second, each is sent once and not before it is
// due. Each is measured from its own due moment, so that nothing drifts.
func TestTheRateIsKept(t *testing.T) {
	t.Parallel()
	const perSecond = 2000
	var w witness
	s, r := run(t, process(t, serverRole), rate(perSecond), time.Second, w.kind(nil, nil))
	if s.Due != perSecond || s.Total.Requests != perSecond || s.NotSent > 0 || s.Total.Failures > 0 {
		t.Fatalf("due %d, sent %d, not sent %d, failed %d: %+v", s.Due, s.Total.Requests, s.NotSent, s.Total.Failures, s.Failures)
	}
	began := stress.Began(r)
	for i, due := range w.times(func(s *seen) time.Duration { return s.due.Sub(began) }) {
		if want := time.Duration(i) * time.Second / perSecond; (due - want).Abs() > time.Microsecond {
			t.Fatalf("task %d was due at %v, want %v", i, due, want)
		}
	}
	late := w.times(func(s *seen) time.Duration { return s.before.Sub(s.due) })
	if late[0] < 0 {
		t.Errorf("a task began %v before it was due", -late[0])
	}
	none := make([]time.Duration, perSecond)
	between(t, "lag", time.Duration(r.Self().LagP50), none, late, 50)
	between(t, "lag", time.Duration(r.Self().LagP99), none, late, 99)
	answered := w.times(func(s *seen) time.Duration { return s.after.Sub(s.due) })
	between(t, "response time", time.Duration(s.Total.Response.P50), late, answered, 50)
	between(t, "response time", time.Duration(s.Total.Response.P99), late, answered, 99)
}

// TestTheTruthOfStallsOverSockets: the load tester reports what the server saw. The
// server stalls for 400 ms from its 250th request on. Requests that are due in that
// time are answered at its end at the earliest; so are earlier ones that a busy machine
// delays until then. So at least 1 % of all 500 take 380 ms, whatever the machine does.
func TestTheTruthOfStallsOverSockets(t *testing.T) {
	t.Parallel()
	const each, stall, all = 4 * time.Millisecond, 400 * time.Millisecond, 500
	for name, c := range map[string]struct {
		load stress.Load
		wait stress.Wait
		time time.Duration // 0: until all are sent
	}{
		"open":   {rate(float64(time.Second / each)), nil, all * each},
		"pacing": {users(1), stress.Pacing(each), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var (
				w     witness
				came  atomic.Int64
				until atomic.Pointer[time.Time]
			)
			server := httptest.NewServer(w.serve(func(_ http.ResponseWriter, r *http.Request) {
				if came.Add(1) == all/2 {
					until.Store(new(time.Now().Add(stall)))
				}
				if end := until.Load(); end != nil {
					select {
					case <-time.After(time.Until(*end)):
					case <-r.Context().Done():
					}
				}
			}))
			defer server.Close()
			var r *stress.Run
			o := options(c.load, c.time, nil, w.kind(c.wait, func(n int) {
				if n == all-1 && c.time == 0 {
					r.Stop()
				}
			}))
			o.Connect = to(t, server.URL)
			r, err := stress.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := o.Stats.Snapshot(time.Now())
			if s.Total.Requests != all || s.Total.Failures > 0 {
				t.Fatalf("%d requests, %d failed", s.Total.Requests, s.Total.Failures)
			}
			least := w.times(func(s *seen) time.Duration {
				if s.due.IsZero() {
					return 0 // the first task of a user with a pace sets the pace, and is measured from when it is sent
				}
				return s.done.Sub(s.due)
			})
			most := w.times(func(s *seen) time.Duration {
				if s.due.IsZero() {
					return s.after.Sub(s.before)
				}
				return s.after.Sub(s.due)
			})
			for _, p := range []struct {
				percent float64
				told    stats.MS
			}{{50, s.Total.Response.P50}, {90, s.Total.Response.P90}, {99, s.Total.Response.P99}} {
				between(t, "response time", time.Duration(p.told), least, most, p.percent)
			}
			if p99 := percentile(least, 99); p99 < stall*9/10 {
				t.Errorf("the p99 was %v: it lacks the stall", p99)
			}
		})
	}
}

// TestTheTesterIsAsLateAsAnotherClockSays: in real time, with other processes that want
// the CPUs. No task begins before the load tester's clock advances, 500 ms after the
// start, when all are overdue. So another clock knows the minimum lag of each. Each
// task itself sees its maximum lag: the two differ by how long the machine lets it
// wait. The verdict could differ only if it waited for 10 s, in relation to which half
// a second is small.
func TestTheTesterIsAsLateAsAnotherClockSays(t *testing.T) {
	t.Parallel()
	const runTime, tasks = 500 * time.Millisecond, 100
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		all.Go(func() { spin(stop) })
	}
	defer all.Wait()
	defer close(stop)

	var w witness
	o := options(rate(tasks/runTime.Seconds()), runTime, nil, w.kind(nil, nil))
	o.Connect = func() wire.Doer { return &free{} }
	r, err := stress.New(o)
	if err != nil {
		t.Fatal(err)
	}
	goesOn := make(chan struct{})
	stress.SetClock(r, func() time.Time {
		<-goesOn
		return time.Now()
	})
	var resumed time.Time
	go func() {
		<-r.Begun()
		time.Sleep(time.Until(stress.Began(r).Add(runTime)))
		resumed = time.Now()
		close(goesOn)
	}()
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(stress.Began(r))
	self := r.Self()
	least := w.times(func(s *seen) time.Duration { return max(resumed.Sub(s.due), 0) })
	most := w.times(func(s *seen) time.Duration { return s.before.Sub(s.due) })
	if len(least) != tasks || least[tasks/2] < runTime/2 {
		t.Fatalf("%d tasks, at least %v late in the median", len(least), least[len(least)/2])
	}
	between(t, "lag", time.Duration(self.LagP50), least, most, 50)
	between(t, "lag", time.Duration(self.LagP99), least, most, 99)
	between(t, "lag", time.Duration(self.LagMax), least, most, 100)
	if self.LateSeconds == 0 {
		t.Errorf("%+v, want a late second", self)
	}
	// One late second of two would be a hiccup.
	if took < time.Second && (!self.Bottleneck || len(self.Reasons) != 1) {
		t.Errorf("%+v, want a bottleneck", self)
	}
}

// TestABusyTargetIsNotTheTester: another process keeps a core busy. If the load tester
// blames itself nevertheless, other clocks must have seen the lag as well: its tasks,
// or a second timer in the same process. By chance, the test could fail only if half of
// the load tester's timers were at least 2 ms late, and none of the second ones.
func TestABusyTargetIsNotTheTester(t *testing.T) {
	t.Parallel()
	url := process(t, serverRole)
	process(t, hogRole)
	for _, load := range []stress.Load{rate(200), users(20)} {
		var (
			w      witness
			beside []time.Duration
			stop   = make(chan struct{})
			all    sync.WaitGroup
		)
		all.Go(func() {
			for {
				due := time.Now().Add(10 * time.Millisecond)
				select {
				case <-time.After(time.Until(due)):
					beside = append(beside, time.Since(due))
				case <-stop:
					return
				}
			}
		})
		s, r := run(t, url, load, 600*time.Millisecond, w.kind(stress.Constant(50*time.Millisecond), nil))
		close(stop)
		all.Wait()
		if s.Total.Requests == 0 {
			t.Error("nothing was sent")
		}
		if load.Open {
			beside = append(beside, w.times(func(s *seen) time.Duration { return s.before.Sub(s.due) })...)
		}
		if self := r.Self(); self.Bottleneck && slices.Max(beside) < 2*time.Millisecond {
			t.Errorf("open %v: nothing was late by more than %v, but the load tester reports %+v", load.Open, slices.Max(beside), self)
		}
	}
}

// TestShortSleepsUseTheKernel: a short sleep is never too short, and uses the kernel's
// timer where there is one. An idle process checks Go's own timers only once a
// millisecond.
func TestShortSleepsUseTheKernel(t *testing.T) {
	t.Parallel()
	const short = 300 * time.Microsecond
	rested, plain := stress.Rest(short, 20)
	if least := slices.Min(rested); least < short || plain != (runtime.GOOS != "linux") {
		t.Errorf("the shortest of %d sleeps of %v took %v, with Go's timer: %v", len(rested), short, least, plain)
	}
}
