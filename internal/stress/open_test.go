package stress_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/wire"
)

// TestTasksBeginWhenTheyAreDue: tasks begin on time, whatever the curve and however
// slow the target is.
func TestTasksBeginWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	for text, count := range map[string]int{
		"1m:100/s": 3000, "0s:50/s,1m:50/s": 3000, "10s:10/s,10s:10/s,5s:0/s,30s:0/s,0s:20/s,5s:20/s": 275, "1m:1/m": 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			curve, open, err := stress.ParseStages(text)
			if err != nil || !open {
				t.Fatal(open, err)
			}
			target := newTarget(func(at time.Duration) (time.Duration, int) { return at + at%(7*time.Second), 200 })
			s, r := play(t, options(stress.Load{Open: true, Curve: curve}, 0, target, get(nil)))
			begins := target.all()
			slices.Sort(begins)
			if len(begins) != count || s.Due != int64(count) || s.NotSent != 0 || s.Total.Requests != int64(count) {
				t.Fatalf("%s: %d requests, due %d, not sent %d, counted %d, want %d", text, len(begins), s.Due, s.NotSent, s.Total.Requests, count)
			}
			for i, at := range begins {
				if want, _ := curve.Due(float64(i)); at != want {
					t.Fatalf("%s: task %d began at %v, due %v", text, i, at, want)
				}
			}
			if self := r.Self(); self.LagMax != 0 || self.Bottleneck {
				t.Errorf("%s: %+v", text, self)
			}
		})
	}
}

// TestPoissonArrivalsAreIndependent: the intervals are distributed exponentially, at
// the rate, and the same seed repeats them.
func TestPoissonArrivalsAreIndependent(t *testing.T) {
	t.Parallel()
	arrive := func(seed uint64, load stress.Load) (begins []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			target := takes(time.Second)
			o := options(load, 2*time.Minute, target, get(nil))
			o.Seed, o.Unwatched = seed, true
			play(t, o)
			begins = target.all()
		})
		slices.Sort(begins)
		return begins
	}
	// between returns the areas of the curve between arrivals.
	between := func(begins []time.Duration, c stress.Curve) (gaps []float64) {
		last := 0.0
		for _, at := range begins {
			gaps = append(gaps, c.Area(at)-last)
			last = c.Area(at)
		}
		return gaps
	}
	exponential := func(x float64) float64 { return 1 - math.Exp(-x) }
	for _, c := range []stress.Curve{stress.Flat(50), {Stages: []stress.Stage{{Over: 2 * time.Minute, To: 100}}}} {
		load := stress.Load{Open: true, Curve: c, Arrivals: stress.Poisson}
		begins := arrive(3, load)
		if gaps := between(begins, c); distance(gaps, exponential) > limit(len(gaps)) || !near(len(begins), 6000, 0.03) {
			t.Errorf("%d arrivals, distance to exponential %g, limit %g", len(begins), distance(gaps, exponential), limit(len(gaps)))
		}
		if !slices.Equal(begins, arrive(3, load)) || slices.Equal(begins, arrive(4, load)) {
			t.Error("the arrivals do not follow the seed")
		}
		// The negative control: even arrivals fail the test.
		load.Arrivals = stress.Even
		if gaps := between(arrive(3, load), c); distance(gaps, exponential) < limit(len(gaps)) {
			t.Error("even arrivals look like a Poisson process")
		}
	}
}

// TestWorkersArrivalsInterleave: together, they are the arrivals of one worker.
func TestWorkersArrivalsInterleave(t *testing.T) {
	t.Parallel()
	curve := stress.Curve{From: 5, Stages: []stress.Stage{{Over: time.Minute, To: 40}}}
	whole := stress.Load{Open: true, Curve: curve}
	var all []time.Duration
	for i := range 3 {
		synctest.Test(t, func(t *testing.T) {
			target := takes(0)
			o := options(whole.Share(i, 3), time.Minute, target, get(nil))
			o.Worker, o.Workers = i, 3
			play(t, o)
			all = append(all, target.all()...)
		})
	}
	slices.Sort(all)
	if len(all) != 1350 {
		t.Errorf("%d arrivals", len(all))
	}
	for i, at := range all {
		if want, _ := curve.Due(float64(i)); (at - want).Abs() > time.Microsecond {
			t.Fatalf("arrival %d at %v, want %v", i, at, want)
		}
	}
}

// TestTasksThatCannotBeSentAreCounted: a target that hangs gets as many tasks as can be in
// flight.
func TestTasksThatCannotBeSentAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The answers come just before the task that is due at 10 s.
		const answers = 10*time.Second - time.Millisecond
		target := newTarget(func(at time.Duration) (time.Duration, int) { return max(at, answers), 200 })
		load := rate(100)
		load.MaxInFlight = 300
		o := options(load, 20*time.Second, target, get(nil))
		r, end := began(t, o)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if now := r.Now(); now.InFlight != 300 || now.Users != 300 || now.Wanted != 100 {
			t.Errorf("%+v", now)
		}
		end()
		s := o.Stats.Snapshot(time.Now())
		if s.Due != 2000 || s.NotSent != 700 || s.Total.Requests != 1300 {
			t.Errorf("due %d, not sent %d, requests %d", s.Due, s.NotSent, s.Total.Requests)
		}
		var notSent int64
		for _, p := range s.Series {
			notSent += p.NotSent
		}
		if notSent != 700 {
			t.Errorf("%d were not sent in the series", notSent)
		}
		// The load tester did what it could: the target is the cause.
		if self := r.Self(); self.Bottleneck {
			t.Errorf("%+v", self)
		}
	})
}

// TestKindsTakeTurnsInTheOpenModel: idle users of one kind do not take the tasks of
// another.
func TestKindsTakeTurnsInTheOpenModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := takes(time.Millisecond)
		kind := func(name string, weight int) stress.Kind {
			return stress.Kind{Name: name, Weight: weight, Join: func(u *stress.User) stress.Part {
				call := &stress.Call{Request: wire.Request{Method: "GET", Path: name}}
				return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) { u.Do(ctx, call) }}}}
			}}
		}
		_, r := play(t, options(rate(100), 10*time.Second, target, kind("a", 7), kind("b", 2), kind("c", 1)))
		for name, want := range map[string]int{"a": 700, "b": 200, "c": 100} {
			if got := len(target.begins[name]); got != want {
				t.Errorf("%d tasks of %s, want %d", got, name, want)
			}
		}
		if r.Protocol() != "HTTP/1.1" {
			t.Errorf("protocol %q", r.Protocol())
		}
	})
}

// TestStartingCountsInTheResponseTime: the task that waits for a start includes it. A
// user that failed to start tries again with its next task.
func TestStartingCountsInTheResponseTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target, starts := takes(100*time.Millisecond), 0
		kind := get(nil)
		join := kind.Join
		kind.Join = func(u *stress.User) stress.Part {
			part := join(u)
			part.Start = func(ctx context.Context) error {
				u.Do(ctx, &stress.Call{Name: "login", Request: wire.Request{Method: "POST", Path: "/login"}})
				if starts++; starts == 1 {
					return fmt.Errorf("no")
				}
				return nil
			}
			return part
		}
		s, _ := play(t, options(rate(1), 4*time.Second, target, kind))
		if starts != 2 || len(s.Entries) != 2 || s.Total.Requests != 5 {
			t.Fatalf("%d starts, %+v", starts, s.Entries)
		}
		for _, e := range s.Entries {
			longest, want := time.Duration(e.Response.Max), 200*time.Millisecond
			if e.Name == "login" {
				want = 100 * time.Millisecond
			}
			if !near(longest, want, 0.01) || !near(time.Duration(e.Service.Max), 100*time.Millisecond, 0.01) {
				t.Errorf("%s: response %v, service %v", e.Name, longest, time.Duration(e.Service.Max))
			}
		}
	})
}

// TestTheRateIsChangedWhileItRuns: no arrival is lost or doubled.
func TestTheRateIsChangedWhileItRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := takes(0)
		r, end := began(t, options(rate(10), time.Minute, target, get(nil)))
		change := func(at time.Duration, to, by float64) {
			t.Helper()
			time.Sleep(at - time.Since(target.start))
			if err := r.Change(to, by); err != nil {
				t.Error(err)
			}
		}
		change(10050*time.Millisecond, 100, 0) // 100.5 were due
		change(20050*time.Millisecond, 0, 0)   // and 1000 more
		change(40050*time.Millisecond, 10, 1)  // half of 10 x 10 s
		if err := r.Change(-1, 0); err == nil {
			t.Error("a negative rate was accepted")
		}
		end()
		begins := target.all()
		slices.Sort(begins)
		if want := 1100 + 50 + 100; len(begins) != want && len(begins) != want+1 {
			t.Errorf("%d arrivals, want %d", len(begins), want)
		}
		// The 101st was half an interval ahead when the intervals shrank to a tenth.
		if got := begins[101]; !near(got, 10055*time.Millisecond, 1e-6) {
			t.Errorf("the 102nd arrival at %v", got)
		}
		for i, at := range begins[1:] {
			if at > 20100*time.Millisecond && at < 40*time.Second || at == begins[i] {
				t.Errorf("an arrival at %v", at)
			}
		}
	})
}

// TestIdleUsersStopAfterAPeak: idle users stop some time after a peak, and the others
// keep their connections.
func TestIdleUsersStopAfterAPeak(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := takes(time.Second)
		load, _, err := stress.ParseSpike("5/s:500/s:2m:1s")
		if err != nil {
			t.Fatal(err)
		}
		r, end := began(t, options(stress.Load{Open: true, Curve: load}, 0, target, get(nil)))
		most := 0
		for range 230 {
			time.Sleep(time.Second)
			most = max(most, r.Now().Users)
		}
		if now := r.Now(); most < 450 || now.Users > 6 || target.open.Load() > 6 {
			t.Errorf("%d users at the peak, %d with %d connections at the end", most, now.Users, target.open.Load())
		}
		end()
	})
}
