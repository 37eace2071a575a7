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
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// TestStoppingIsGentle: no new task begins, those under way end and count, and users
// clean up.
func TestStoppingIsGentle(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*stress.Run, context.CancelFunc){
		"Stop":           func(r *stress.Run, _ context.CancelFunc) { r.Stop(); r.Stop() },
		"Ctrl-C":         func(_ *stress.Run, cancel context.CancelFunc) { cancel() },
		"all users stop": func(r *stress.Run, _ context.CancelFunc) { _ = r.Change(0, 0); time.Sleep(20 * time.Second); r.Stop() },
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

// hanging returns a kind of users that request one path, then another. Their cleanup
// sends requests as well, and never ends by itself.
func hanging(stopped *atomic.Int64) stress.Kind {
	return stress.Kind{Name: "patient", Weight: 1, Join: func(u *stress.User) stress.Part {
		ask := func(ctx context.Context, path string) {
			u.Do(ctx, &stress.Call{Request: wire.Request{Method: "GET", Path: path}})
		}
		return stress.Part{
			Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) { ask(ctx, "/"); ask(ctx, "/next") }}},
			Stop:  func(ctx context.Context) { ask(ctx, "/bye"); <-ctx.Done(); stopped.Add(1) },
		}
	}}
}

// TestRequestsThatTheEndCutsOffHaveFailed: requests that the stop timeout cuts off are failures,
// with their age as response time. Without a stop timeout, and for requests of the
// cleanup, nothing is counted.
func TestRequestsThatTheEndCutsOffHaveFailed(t *testing.T) {
	t.Parallel()
	const at, grace, tidying = 9500 * time.Millisecond, 5 * time.Second, 2 * time.Second
	for _, load := range []stress.Load{users(10), rate(1)} {
		for name, c := range map[string]struct {
			grace time.Duration
			cut   bool
			took  time.Duration
			count int64
		}{
			"out of time": {grace, false, grace + tidying, 10},
			"by Stop":     {grace, true, tidying, 0},
			"no time":     {0, false, tidying, 0},
		} {
			synctest.Test(t, func(t *testing.T) {
				target := takes(time.Hour)
				var stopped atomic.Int64
				o := options(load, 0, target, hanging(&stopped))
				o.StopTimeout = c.grace
				r, end := began(t, o)
				time.Sleep(at)
				start := time.Now()
				r.Stop()
				if c.cut {
					r.Cut()
				}
				end()
				if took := time.Since(start); took != c.took {
					t.Errorf("%s: it took %v, want %v", name, took, c.took)
				}
				s := o.Stats.Snapshot(time.Now())
				if s.Total.Requests != c.count || s.Total.Failures != c.count || stopped.Load() != 10 || target.open.Load() != 0 {
					t.Fatalf("%s: %d requests, %d failures, want %d; %d of 10 users cleaned up, %d connections are open",
						name, s.Total.Requests, s.Total.Failures, c.count, stopped.Load(), target.open.Load())
				}
				if s.Duration != at.Seconds() {
					t.Errorf("%s: rates are taken over %g s, want %v", name, s.Duration, at)
				}
				if c.count == 0 {
					return
				}
				if f := s.Failures; len(f) != 1 || f[0].Kind != stats.KindCutOff || f[0].Name != "/" || f[0].Detail != "no answer when the run ended" {
					t.Errorf("%s: %+v", name, f)
				}
				oldest, youngest := at+grace, at+grace
				if load.Open {
					youngest -= 9 * time.Second
				}
				for _, l := range []stats.Latency{s.Total.Response, *s.Total.Service} {
					if time.Duration(l.Max).Round(time.Millisecond) != oldest || time.Duration(l.Min).Round(time.Millisecond) != youngest {
						t.Errorf("%s: ages of %v to %v, want %v to %v", name, time.Duration(l.Min), time.Duration(l.Max), youngest, oldest)
					}
				}
				if n := len(s.Series); s.Series[n-1].Failures+s.Series[n-2].Failures != c.count {
					t.Errorf("%s: the last points are %+v", name, s.Series[n-2:])
				}
			})
		}
	}
}

// TestTheAgeOfCutOffRequestsCountsFromTheirDueMoment: the age includes the time by which the
// target delayed the pace.
func TestTheAgeOfCutOffRequestsCountsFromTheirDueMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newTarget(func(at time.Duration) (time.Duration, int) {
			if at == 0 {
				return 4 * time.Second, 200
			}
			return at + time.Hour, 200
		})
		o := options(users(1), 5*time.Second, target, get(stress.Pacing(time.Second)))
		o.StopTimeout = time.Second
		s, _ := play(t, o)
		// The second task was due at 1 s, sent at 4 s, and cut off at 6 s.
		response, service := time.Duration(s.Total.Response.Max), time.Duration(s.Total.Service.Min)
		if s.Total.Failures != 1 || response.Round(time.Millisecond) != 5*time.Second || service.Round(time.Millisecond) != 2*time.Second {
			t.Errorf("%d failures, response %v, service %v", s.Total.Failures, response, service)
		}
	})
}

// TestATargetThatHangsAtTheEndDoesNotPass is the negative control: the same target,
// which hangs from some second on, or not.
func TestATargetThatHangsAtTheEndDoesNotPass(t *testing.T) {
	t.Parallel()
	for _, load := range []stress.Load{users(10), rate(20)} {
		for hangs, want := range map[time.Duration]bool{18 * time.Second: true, time.Hour: false} {
			synctest.Test(t, func(t *testing.T) {
				target := newTarget(func(at time.Duration) (time.Duration, int) {
					if at >= hangs {
						return at + time.Hour, 200
					}
					return at + 20*time.Millisecond, 200
				})
				o := options(load, 20*time.Second, target, get(stress.Constant(500*time.Millisecond)))
				o.StopTimeout = 10 * time.Second
				s, _ := play(t, o)
				if s.Total.Requests < 300 || s.Total.Failures > 0 != want || want && (s.Total.Failures < 10 || time.Duration(s.Total.Response.Max) < 10*time.Second) {
					t.Errorf("open %v, hangs at %v: %d requests, %d failures, at most %v",
						load.Open, hangs, s.Total.Requests, s.Total.Failures, time.Duration(s.Total.Response.Max))
				}
			})
		}
	}
}

// TestRequestsThatATaskGivesUpAreNotCounted: a request that the task itself gives up is not
// counted.
func TestRequestsThatATaskGivesUpAreNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options(users(1), 10*time.Second, takes(time.Hour), once(func(ctx context.Context, u *stress.User) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			u.Do(ctx, &stress.Call{Request: wire.Request{Method: "GET", Path: "/"}})
		}))
		if s, _ := play(t, o); s.Total.Requests != 0 {
			t.Errorf("%+v", s.Failures)
		}
	})
}

// TestRatesExcludeTheWaitForTheLastAnswers: the period for rates excludes the wait for
// the last answers.
func TestRatesExcludeTheWaitForTheLastAnswers(t *testing.T) {
	t.Parallel()
	for _, unwatched := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			o := options(rate(10), 10*time.Second, takes(10*time.Second), get(nil))
			o.Unwatched = unwatched
			s, _ := play(t, o)
			if s.Duration != 10 || s.Total.Requests != 100 || s.Total.Rate != 10 {
				t.Errorf("%d requests, %g/s over %g s, want 10/s over 10 s", s.Total.Requests, s.Total.Rate, s.Duration)
			}
			if n := len(s.Series); !unwatched && (n < 19 || s.Series[n-1].At < 19.5) {
				t.Errorf("the series ends with point %d", n)
			}
		})
	}
}

// TestAWarmUpIsNotCounted: neither requests that were due in it, whenever they are
// answered, nor the load tester's own lag count.
func TestAWarmUpIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newTarget(func(at time.Duration) (time.Duration, int) { return max(at, 7950*time.Millisecond), 200 })
		load := rate(10)
		load.MaxInFlight = 40
		o := options(load, 15*time.Second, target, get(nil))
		r, end := began(t, o)
		time.Sleep(2500 * time.Millisecond)
		for range 5 {
			stress.SendLate(r, time.Second)
		}
		time.Sleep(2499 * time.Millisecond)
		if self := r.Self(); self.LateSeconds != 1 || self.LagMax < stats.MS(900*time.Millisecond) {
			t.Errorf("before the reset %+v, want a late second", self)
		}
		r.Reset()
		end()
		s, self := o.Stats.Snapshot(time.Now()), r.Self()
		if s.Duration != 10.001 || s.Due != 100 || s.NotSent != 30 || s.Total.Requests != 70 {
			t.Errorf("%g s: due %d, not sent %d, %d requests, want 10.001 s, 100, 30 and 70", s.Duration, s.Due, s.NotSent, s.Total.Requests)
		}
		var requests, notSent int64
		for _, p := range s.Series {
			requests, notSent = requests+p.Requests, notSent+p.NotSent
		}
		if requests != 70 || notSent != 30 {
			t.Errorf("the series has %d requests and %d not sent, want 70 and 30", requests, notSent)
		}
		if self.LateSeconds != 0 || self.LagMax != 0 || self.Bottleneck {
			t.Errorf("the load tester lagged in the warm-up, and reports %+v", self)
		}
	})
}

// TestARunStoppedBeforeItsStart: it begins nothing.
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
		"run time must be between 0 and 366": func(o *stress.Options) { o.RunTime = -1 },
		"run time must be between 0 and 36":  func(o *stress.Options) { o.RunTime = stress.MaxLength + 1 },
		"stop timeout must not be negative":  func(o *stress.Options) { o.StopTimeout = -1 },
		"worker must be between 0 and 1":     func(o *stress.Options) { o.Worker, o.Workers = 2, 2 },
		"workers must be at most 1000":       func(o *stress.Options) { o.Workers = stress.MaxWorkers + 1 },
		"scenario test: there must be 1 to":  func(o *stress.Options) { o.Scenario.Kinds = nil },
		"the weight must be between 1":       func(o *stress.Options) { o.Scenario.Kinds[0].Weight = 0 },
		"users getter do nothing":            func(o *stress.Options) { o.Scenario.Kinds[0].Join = nil },
		"load: users must be between 0":      func(o *stress.Options) { o.Load.Curve = stress.Flat(stress.MaxUsers + 1) },
		"100000 in stage 1, not -1":          func(o *stress.Options) { o.Load.Curve.Stages = []stress.Stage{{To: -1}} },
		"users must have stages of 0 to 366": func(o *stress.Options) { o.Load.Curve.Stages = []stress.Stage{{Over: -1}} },
		"load: rate must be between 0":       func(o *stress.Options) { o.Load = rate(stress.MaxRate + 1) },
		"rate must be between 0 and 1000000": func(o *stress.Options) { o.Load = rate(math.NaN()) },
		"arrivals must be constant or poiss": func(o *stress.Options) { o.Load.Arrivals = "bursts" },
		"max_in_flight must be":              func(o *stress.Options) { o.Load.MaxInFlight = -1 },
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

// TestPointsCoverTheRun: there is one point per second, at whole seconds, and one for
// the rest at the end. The interval in which the run was stopped has the users that
// ran.
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

// TestTheLoadOfShortRunsIsSeen: the only point has the users, although all have stopped
// when it ends.
func TestTheLoadOfShortRunsIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options(users(7), 300*time.Millisecond, takes(time.Millisecond), get(stress.Constant(time.Minute)))
		if s, _ := play(t, o); len(s.Series) != 1 || s.Series[0].Users != 7 || s.Series[0].Wanted != 7 {
			t.Errorf("%+v", s.Series)
		}
	})
}
