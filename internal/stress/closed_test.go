package stress_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/wire"
)

// TestLittlesLaw: users = throughput x (response time + wait), at rest.
func TestLittlesLaw(t *testing.T) {
	t.Parallel()
	for n, runTime := range map[int]time.Duration{1: 4 * time.Hour, 50: 20 * time.Minute, 500: 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			target := newTarget(func(at time.Duration) (time.Duration, int) {
				return at + 50*time.Millisecond + at%(100*time.Millisecond), 200
			})
			o := options(users(n), runTime, target, get(stress.Between(time.Second, 3*time.Second)))
			o.Unwatched = true
			s, _ := play(t, o)
			if got := s.Total.Rate * (time.Duration(s.Total.Response.Mean).Seconds() + 2); !near(got, float64(n), 0.02) {
				t.Errorf("%g users by Little's law, %d were there (%g/s, %v)", got, n, s.Total.Rate, time.Duration(s.Total.Response.Mean))
			}
			if s.Total.Service.P99 != s.Total.Response.P99 {
				t.Errorf("service %v, response %v", s.Total.Service.P99, s.Total.Response.P99)
			}
		})
	}
}

// presence is a scenario whose users only tell that they are there.
type presence struct {
	mu                  sync.Mutex
	came, left          []time.Duration
	kinds, here, leaves []string
}

func (p *presence) kind(name string, weight int, start time.Time) stress.Kind {
	return stress.Kind{Name: name, Weight: weight, Wait: stress.Constant(time.Hour), Join: func(u *stress.User) stress.Part {
		who := fmt.Sprintf("%s%d", name, u.Index)
		return stress.Part{
			Start: func(context.Context) error {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.came, p.kinds = append(p.came, time.Since(start)), append(p.kinds, name)
				p.here = append(p.here, who)
				return nil
			},
			Stop: func(context.Context) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.left = append(p.left, time.Since(start))
				p.leaves = append(p.leaves, who)
				p.here = slices.DeleteFunc(p.here, func(other string) bool { return other == who })
			},
		}
	}}
}

// count returns how many are there.
func (p *presence) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.here)
}

// TestUsersComeAsLocustSpawnsThem: the first at once, and then one each 1/rate
// seconds.
func TestUsersComeAsLocustSpawnsThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p presence
		load := stress.Load{Curve: stress.SpawnCurve(40, 4)}
		play(t, options(load, time.Minute, takes(0), p.kind("a", 1, time.Now())))
		if len(p.came) != 40 || len(p.left) != 40 {
			t.Fatalf("%d came, %d left", len(p.came), len(p.left))
		}
		for i, at := range p.came {
			if want := time.Duration(i) * 250 * time.Millisecond; at < want || at > want+2*time.Millisecond {
				t.Errorf("user %d came at %v, want %v", i, at, want)
			}
		}
	})
}

// TestUsersFollowTheCurve up and down, who came last leaves first, and the kinds keep their shares at every number.
func TestUsersFollowTheCurve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p presence
		start := time.Now()
		c, _, err := stress.ParseStages("10s:10,5s:10,5s:0,0s:4,10s:4")
		if err != nil {
			t.Fatal(err)
		}
		o := options(stress.Load{Curve: c}, 0, takes(0), p.kind("a", 3, start), p.kind("b", 1, start))
		r, end := began(t, o)
		for _, want := range []struct {
			at    time.Duration
			users int
			left  time.Duration
		}{{500 * time.Millisecond, 0, 29500 * time.Millisecond}, {5500 * time.Millisecond, 5, 0}, {12 * time.Second, 10, 0}, {17500 * time.Millisecond, 5, 0}, {19900 * time.Millisecond, 0, 0}, {25 * time.Second, 4, 5 * time.Second}} {
			time.Sleep(want.at - time.Since(start))
			synctest.Wait()
			now := r.Now()
			if now.Users != want.users || p.count() != want.users || int(now.Wanted) != want.users || now.Elapsed != want.at {
				t.Errorf("at %v: %+v, here %d", want.at, now, p.count())
			}
			if want.left > 0 && now.Left != want.left {
				t.Errorf("at %v %v are left, want %v", want.at, now.Left, want.left)
			}
		}
		end()
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("it took %v", took)
		}
		if want := []string{"a", "a", "b", "a", "a", "a", "b", "a", "a", "a"}; !slices.Equal(p.kinds[:10], want) {
			t.Errorf("kinds %v, want %v", p.kinds[:10], want)
		}
		if want := []string{"a9", "a8", "a7", "b6", "a5", "a4", "a3", "b2", "a1", "a0"}; !slices.Equal(p.leaves[:10], want) {
			t.Errorf("they left as %v, want %v", p.leaves[:10], want)
		}
		if now := r.Now(); !now.Stopping || now.Users != 0 || now.Left != 0 {
			t.Errorf("at the end: %+v", now)
		}
	})
}

func countOf(list []string, what string) (n int) {
	for _, one := range list {
		if one == what {
			n++
		}
	}
	return n
}

// TestKindsKeepTheirShares at every number of users, within one user.
func TestKindsKeepTheirShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p presence
		start := time.Now()
		weights := map[string]int{"a": 50, "b": 30, "c": 15, "d": 5}
		o := options(stress.Load{Curve: stress.SpawnCurve(333, 100)}, time.Minute, takes(0),
			p.kind("a", 50, start), p.kind("b", 30, start), p.kind("c", 15, start), p.kind("d", 5, start))
		play(t, o)
		for n := 1; n <= len(p.kinds); n++ {
			for kind, weight := range weights {
				got, want := float64(countOf(p.kinds[:n], kind)), float64(n*weight)/100
				if got < want-1 || got > want+1 {
					t.Fatalf("%g of %d users are %s, want %g", got, n, kind, want)
				}
			}
		}
	})
}

// diary is what users did, each by itself.
type diary struct {
	mu    sync.Mutex
	pages map[int][]string
}

func (d *diary) kind(start time.Time) stress.Kind {
	return stress.Kind{Name: "writer", Weight: 1, Wait: stress.Between(time.Second, 3*time.Second), Join: func(u *stress.User) stress.Part {
		task := func(name string, weight int) stress.Task {
			call := &stress.Call{Name: name, Request: wire.Request{Method: "GET", Path: "/" + name}}
			return stress.Task{Weight: weight, Do: func(ctx context.Context) {
				d.mu.Lock()
				d.pages[u.Index] = append(d.pages[u.Index], fmt.Sprint(name, u.Dice.IntN(1000), " ", time.Since(start)))
				d.mu.Unlock()
				u.Do(ctx, call)
			}}
		}
		return stress.Part{Tasks: []stress.Task{task("look", 3), task("buy", 1)}}
	}}
}

// TestTheSameSeedRepeatsEachUser: tasks, waits and data, to the nanosecond.
func TestTheSameSeedRepeatsEachUser(t *testing.T) {
	t.Parallel()
	write := func(seed uint64, worker, workers int) (pages map[int][]string) {
		synctest.Test(t, func(t *testing.T) {
			d := diary{pages: map[int][]string{}}
			o := options(users(20/max(workers, 1)), 5*time.Minute, takes(30*time.Millisecond), d.kind(time.Now()))
			o.Seed, o.Worker, o.Workers = seed, worker, workers
			play(t, o)
			pages = d.pages
		})
		return pages
	}
	first := write(7, 0, 0)
	if len(first) != 20 || len(first[19]) < 100 {
		t.Fatalf("%d users, %d tasks of the last", len(first), len(first[19]))
	}
	if !reflect.DeepEqual(first, write(7, 0, 1)) {
		t.Error("the same seed gave something else")
	}
	if other := write(8, 0, 0); reflect.DeepEqual(first[0], other[0]) || reflect.DeepEqual(first[0], first[1]) {
		t.Error("another seed, or another user, gave the same")
	}
	both := write(7, 0, 2)
	maps.Copy(both, write(7, 1, 2))
	if !reflect.DeepEqual(first, both) {
		t.Error("two workers did something else than one")
	}
}

// TestWeightsAndWaitsAreWhatTheySay: a chi-square test of the weights, and one of
// Kolmogorov and Smirnov of the waits, both at 0.1 %.
func TestWeightsAndWaitsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := diary{pages: map[int][]string{}}
		target := takes(0)
		o := options(users(1), 8*time.Hour, target, d.kind(time.Now()))
		o.Unwatched = true
		play(t, o)
		looks, buys := float64(len(target.begins["/look"])), float64(len(target.begins["/buy"]))
		sum := looks + buys
		chi := (looks-sum*3/4)*(looks-sum*3/4)/(sum*3/4) + (buys-sum/4)*(buys-sum/4)/(sum/4)
		if sum < 10_000 || chi > 10.83 {
			t.Errorf("%g looks to %g purchases, chi-square %g", looks, buys, chi)
		}
		begins := target.all()
		slices.Sort(begins)
		var waits []float64
		for i, at := range begins[1:] {
			waits = append(waits, (at - begins[i]).Seconds())
		}
		if far := distance(waits, func(x float64) float64 { return min(max((x-1)/2, 0), 1) }); far > limit(len(waits)) {
			t.Errorf("%d waits are %g away from uniform, limit %g", len(waits), far, limit(len(waits)))
		}
		// The negative control: the same test knows another distribution.
		if far := distance(waits, func(x float64) float64 { return min(max((x-1)/2.1, 0), 1) }); far < limit(len(waits)) {
			t.Errorf("waits up to 3 s pass for ones up to 3.1 s")
		}
	})
}

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
				stopped := 0
				kind := get(nil)
				join := kind.Join
				kind.Join = func(u *stress.User) stress.Part {
					part := join(u)
					part.Stop = func(ctx context.Context) { <-ctx.Done(); stopped++ }
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
				if s := o.Stats.Snapshot(time.Now()); s.Total.Requests != 0 || stopped != 10 || target.open.Load() != 0 {
					t.Errorf("%d requests, %d of 10 users cleaned up, %d connections are open", s.Total.Requests, stopped, target.open.Load())
				}
			})
		}
	}
}

// TestUsersWhoCannotStartTryAnew, after their wait and at least a second.
func TestUsersWhoCannotStartTryAnew(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]time.Duration{0: time.Second, 3 * time.Second: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var starts []time.Duration
			begin := time.Now()
			kind := get(stress.Constant(wait))
			kind.Join = func(*stress.User) stress.Part {
				return stress.Part{Start: func(context.Context) error {
					starts = append(starts, time.Since(begin))
					if len(starts) < 4 {
						return errors.New("nobody knows you")
					}
					return nil
				}, Stop: func(context.Context) { starts = append(starts, -1) }}
			}
			play(t, options(users(1), time.Minute, takes(0), kind))
			if !slices.Equal(starts, []time.Duration{0, want, 2 * want, 3 * want, -1}) {
				t.Errorf("wait %v: it started at %v", wait, starts)
			}
		})
	}
}

// TestUsersAreChangedWhileTheyRun.
func TestUsersAreChangedWhileTheyRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options(users(10), time.Minute, takes(time.Millisecond), get(stress.Constant(time.Second)))
		r, err := stress.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Change(5, 0); !errors.Is(err, stress.ErrNotRunning) {
			t.Errorf("before the start: %v", err)
		}
		done := make(chan error)
		go func() { done <- r.Run(context.WithoutCancel(t.Context())) }()
		here := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if now := r.Now(); now.Users != want || now.Wanted != float64(want) {
				t.Errorf("after %v: %+v, want %d", now.Elapsed, now, want)
			}
		}
		change := func(to, rate float64) {
			t.Helper()
			if err := r.Change(to, rate); err != nil {
				t.Error(err)
			}
		}
		here(5*time.Second+500*time.Millisecond, 10)
		change(20, 2)
		here(2750*time.Millisecond, 15)
		here(10*time.Second, 20)
		change(100, 0)
		here(10*time.Millisecond, 100)
		change(0, 10)
		here(5050*time.Millisecond, 49)
		change(3, 0)
		here(10*time.Millisecond, 3)
		for to, rate := range map[float64]float64{-1: 0, 1.5: 0, 1e9: 0, 5: -1} {
			if err := r.Change(to, rate); err == nil {
				t.Errorf("%g users at %g/s were taken", to, rate)
			}
		}
		if err := <-done; err != nil || r.Now().Elapsed != time.Minute {
			t.Errorf("%v after %v", err, r.Now().Elapsed)
		}
		if err := r.Change(5, 0); !errors.Is(err, stress.ErrNotRunning) {
			t.Errorf("after the end: %v", err)
		}
		if err := r.Run(t.Context()); !errors.Is(err, stress.ErrRan) {
			t.Errorf("a second time: %v", err)
		}
	})
}

// TestWaitingUsersHoldNoBuffers.
func TestWaitingUsersHoldNoBuffers(t *testing.T) {
	t.Parallel()
	for _, load := range []stress.Load{users(100), rate(100)} {
		synctest.Test(t, func(t *testing.T) {
			target := takes(time.Millisecond)
			r, end := began(t, options(load, time.Minute, target, get(stress.Constant(time.Hour))))
			time.Sleep(30*time.Second + 5*time.Millisecond)
			synctest.Wait()
			if r.Now().Users == 0 || target.held.Load() != 0 {
				t.Errorf("%d users hold %d buffers", r.Now().Users, target.held.Load())
			}
			end()
		})
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
		if _, err := stress.New(o); err == nil || !contains(err.Error(), want) {
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
