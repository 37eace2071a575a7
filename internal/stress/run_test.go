package stress_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
)

// TestStoppingIsGentle: nobody begins a task, those under way end and count, and users clean up.
func TestStoppingIsGentle(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*stress.Run, context.CancelFunc){
		"Stop":            func(r *stress.Run, _ context.CancelFunc) { r.Stop(); r.Stop() },
		"Ctrl-C":          func(_ *stress.Run, cancel context.CancelFunc) { cancel() },
		"all users leave": func(r *stress.Run, _ context.CancelFunc) { _ = r.Change(0, 0); time.Sleep(20 * time.Second); r.Stop() },
	} {
		for _, load := range []stress.Load{users(10), rate(1)} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
				defer cancel()
				target := takes(10 * time.Second)
				o := options(load, 0, target, get(nil))
				r, err := stress.New(o)
				if err != nil {
					t.Fatal(err)
				}
				done := make(chan error)
				go func() { done <- r.Run(ctx) }()
				time.Sleep(9500 * time.Millisecond)
				began := time.Now()
				stop(r, cancel)
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("%s: it took %v", name, took)
				}
				if s := o.Stats.Snapshot(time.Now()); s.Total.Requests != 10 || s.Total.Failures != 0 {
					t.Errorf("%s: %d requests, %d failures, want 10 good ones", name, s.Total.Requests, s.Total.Failures)
				}
				if open := target.open.Load(); open != 0 {
					t.Errorf("%s: %d connections stay open", name, open)
				}
			})
		}
	}
}

// TestWhatTheEndCutsOffIsNotCounted, whether the time to stop is over or nobody
// wants to wait for it.
func TestWhatTheEndCutsOffIsNotCounted(t *testing.T) {
	t.Parallel()
	for _, load := range []stress.Load{users(10), rate(1)} {
		for _, cut := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				target := takes(time.Hour)
				var stopped atomic.Int64
				kind := get(nil)
				join := kind.Join
				kind.Join = func(u *stress.User) stress.Part {
					part := join(u)
					part.Stop = func(ctx context.Context) { <-ctx.Done(); stopped.Add(1) }
					return part
				}
				o := options(load, 0, target, kind)
				o.StopTimeout = 5 * time.Second
				r, end := began(t, o)
				time.Sleep(9500 * time.Millisecond)
				start := time.Now()
				want := 7 * time.Second // the time to stop, and that for cleaning up
				r.Stop()
				if cut {
					want = 2 * time.Second
					r.Cut()
				}
				end()
				if took := time.Since(start); took != want {
					t.Errorf("it took %v, want %v", took, want)
				}
				if s := o.Stats.Snapshot(time.Now()); s.Total.Requests != 0 || stopped.Load() != 10 || target.open.Load() != 0 {
					t.Errorf("%d requests, %d of 10 users cleaned up, %d connections are open", s.Total.Requests, stopped.Load(), target.open.Load())
				}
			})
		}
	}
}

// TestARunStoppedBeforeItsStart begins nothing.
func TestARunStoppedBeforeItsStart(t *testing.T) {
	t.Parallel()
	for _, load := range []stress.Load{users(5), rate(100)} {
		synctest.Test(t, func(t *testing.T) {
			target := takes(time.Millisecond)
			o := options(load, time.Minute, target, get(nil))
			r, err := stress.New(o)
			if err != nil {
				t.Fatal(err)
			}
			r.Stop()
			if err := r.Run(t.Context()); err != nil || len(target.all()) > 1 || time.Since(target.start) > time.Second {
				t.Errorf("%v, %d requests in %v", err, len(target.all()), time.Since(target.start))
			}
		})
	}
}

func TestOptionsThatCannotBeUsedSayWhy(t *testing.T) {
	t.Parallel()
	good := func() stress.Options { return options(users(1), time.Minute, takes(0), get(nil)) }
	for want, spoil := range map[string]func(*stress.Options){
		"scenario must be given":             func(o *stress.Options) { o.Scenario = nil },
		"stats must be given":                func(o *stress.Options) { o.Stats = nil },
		"run time must not be negative":      func(o *stress.Options) { o.RunTime = -1 },
		"stop timeout must not be negative":  func(o *stress.Options) { o.StopTimeout = -1 },
		"worker must be between 0 and 1":     func(o *stress.Options) { o.Worker, o.Workers = 2, 2 },
		"scenario test: there must be 1 to":  func(o *stress.Options) { o.Scenario.Kinds = nil },
		"the weight must be between 1":       func(o *stress.Options) { o.Scenario.Kinds[0].Weight = 0 },
		"users getter do nothing":            func(o *stress.Options) { o.Scenario.Kinds[0].Join = nil },
		"load: users must be between 0":      func(o *stress.Options) { o.Load.Curve = stress.Flat(stress.MaxUsers + 1) },
		"stage 1: users must be between":     func(o *stress.Options) { o.Load.Curve.Stages = []stress.Stage{{To: -1}} },
		"stage 1: a time must be":            func(o *stress.Options) { o.Load.Curve.Stages = []stress.Stage{{Over: -1}} },
		"load: the rate must be between 0":   func(o *stress.Options) { o.Load = rate(stress.MaxRate + 1) },
		`arrivals must be "constant" or "po`: func(o *stress.Options) { o.Load.Arrivals = "bursts" },
		"max in flight must be":              func(o *stress.Options) { o.Load.MaxInFlight = -1 },
	} {
		o := good()
		spoil(&o)
		if _, err := stress.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := stress.New(good()); err != nil {
		t.Error(err)
	}
}

// TestPointsCoverTheRun: one a second, at whole seconds, and one for what is left at the end. The
// interval in which the run was stopped has the users who were there.
func TestPointsCoverTheRun(t *testing.T) {
	t.Parallel()
	for _, load := range []stress.Load{users(5), rate(50)} {
		synctest.Test(t, func(t *testing.T) {
			o := options(load, 2700*time.Millisecond, takes(95*time.Millisecond), get(stress.Constant(5*time.Millisecond)))
			s, _ := play(t, o)
			var ends []float64
			requests := int64(0)
			for _, p := range s.Series {
				ends = append(ends, math.Round(p.At*1000)/1000)
				requests += p.Requests
				if p.Users != 5 || p.Wanted != load.Curve.From {
					t.Errorf("%d users, %g wanted at %g s", p.Users, p.Wanted, p.At)
				}
			}
			if len(ends) != 3 || !slices.Equal(ends[:2], []float64{1, 2}) || ends[2] < 2.7 || ends[2] > 2.8 || requests != s.Total.Requests {
				t.Errorf("points at %v s with %d of %d requests", ends, requests, s.Total.Requests)
			}
		})
	}
}

// TestTheLoadOfShortRunsIsSeen although all are gone when the only point ends.
func TestTheLoadOfShortRunsIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options(users(7), 300*time.Millisecond, takes(time.Millisecond), get(stress.Constant(time.Minute)))
		if s, _ := play(t, o); len(s.Series) != 1 || s.Series[0].Users != 7 || s.Series[0].Wanted != 7 {
			t.Errorf("%+v", s.Series)
		}
	})
}
