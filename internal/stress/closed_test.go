package stress_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
)

// TestLittlesLaw: users = throughput x (response time + wait), in a steady state.
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
				t.Errorf("%g users by Little's law, but %d ran (%g/s, %v)", got, n, s.Total.Rate, time.Duration(s.Total.Response.Mean))
			}
			if s.Total.Service.P99 != s.Total.Response.P99 {
				t.Errorf("service %v, response %v", s.Total.Service.P99, s.Total.Response.P99)
			}
		})
	}
}

// presence is a scenario whose users only record that they run.
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

// count returns the number of running users.
func (p *presence) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.here)
}

// TestUsersStartAsInLocust: the first starts at once, and another every 1/rate
// seconds.
func TestUsersStartAsInLocust(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p presence
		load := stress.Load{Curve: stress.SpawnCurve(40, 4)}
		play(t, options(load, time.Minute, takes(0), p.kind("a", 1, time.Now())))
		if len(p.came) != 40 || len(p.left) != 40 {
			t.Fatalf("%d started, %d stopped", len(p.came), len(p.left))
		}
		for i, at := range p.came {
			if want := time.Duration(i) * 250 * time.Millisecond; at < want || at > want+2*time.Millisecond {
				t.Errorf("user %d started at %v, want %v", i, at, want)
			}
		}
	})
}

// TestUsersFollowTheCurve: the number of users follows the curve up and down, the user
// that started last stops first, and the kinds keep their shares at every number.
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
				t.Errorf("at %v: %+v, running %d", want.at, now, p.count())
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
			t.Errorf("they stopped as %v, want %v", p.leaves[:10], want)
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

// TestKindsKeepTheirShares: the kinds keep their shares at every number of users,
// within one user.
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

// TestUsersThatFailToStartTryAgain: they wait, at least for a second, and try again.
func TestUsersThatFailToStartTryAgain(t *testing.T) {
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
						return errors.New("unknown user")
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
		change(4.75, 0) // a worker's share
		here(10*time.Millisecond, 4)
		for to, want := range map[float64]string{-1: "users must be between 0", 1e9: "users must be between 0", math.NaN(): "users must be between 0"} {
			if err := r.Change(to, 0); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%g users: %v, want %s", to, err, want)
			}
		}
		for _, rate := range []float64{-1, math.NaN(), math.Inf(1)} {
			if err := r.Change(5, rate); err == nil || !strings.Contains(err.Error(), "spawn_rate must be") {
				t.Errorf("5 users at %g/s: %v", rate, err)
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
