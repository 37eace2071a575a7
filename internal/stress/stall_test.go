package stress_test

import (
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
)

// The target of these tests stalls for 2 s in every 10 s. A request in that time waits
// for the end of the stall.
const (
	period = 10 * time.Second
	stall  = 2 * time.Second
	work   = time.Millisecond
)

func stalls(at time.Duration) (time.Duration, int) {
	if phase := at % period; phase >= period-stall {
		at += period - phase
	}
	return at + work, 200
}

// TestTheOpenModelTellsTheTruthOfStalls: a fifth of all requests meet a stall, so the
// 99th percentile is that of the worst twentieth of those: 1.9 s.
func TestTheOpenModelTellsTheTruthOfStalls(t *testing.T) {
	t.Parallel()
	for _, arrivals := range []stress.Arrivals{stress.Even, stress.Poisson} {
		synctest.Test(t, func(t *testing.T) {
			target := newTarget(stalls)
			load := rate(100)
			load.Arrivals = arrivals
			s, r := play(t, options(load, 5*time.Minute, target, get(nil)))
			var truth []time.Duration
			for _, due := range target.all() {
				done, _ := stalls(due)
				truth = append(truth, done-due)
			}
			for percent, got := range map[float64]time.Duration{
				50: time.Duration(s.Total.Response.P50), 90: time.Duration(s.Total.Response.P90), 99: time.Duration(s.Total.Response.P99),
			} {
				if want := percentile(truth, percent); !near(got, want, 0.01) {
					t.Errorf("%s: p%g is %v, but really %v", arrivals, percent, got, want)
				}
			}
			if want := 1900 * time.Millisecond; !near(time.Duration(s.Total.Response.P99), want, 0.05) {
				t.Errorf("%s: p99 is %v, by calculation %v", arrivals, time.Duration(s.Total.Response.P99), want)
			}
			if self := r.Self(); self.Bottleneck || self.LateSeconds > 0 {
				t.Errorf("the target stalls, but the load tester blames itself: %+v", self)
			}
		})
	}
}

// TestTheNaiveFigureIsWrong is the negative control: as many requests in the closed
// model. All users wait out a stall with one request each, and the 99th percentile
// hides it.
func TestTheNaiveFigureIsWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newTarget(stalls)
		s, r := play(t, options(users(5), 5*time.Minute, target, get(stress.Constant(40*time.Millisecond))))
		if p99 := time.Duration(s.Total.Response.P99); !near(s.Total.Rate, 100, 0.05) || p99 > 2*work {
			t.Errorf("%g/s, p99 %v: the closed model should hide the stalls", s.Total.Rate, p99)
		}
		if self := r.Self(); self.Bottleneck {
			t.Errorf("%+v", self)
		}
	})
}

// TestPacingTellsTheTruthOfStalls: users with a pace measure from the moments that it
// sets. Their service times are the naive figures.
func TestPacingTellsTheTruthOfStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pace, runTime = 50 * time.Millisecond, 5 * time.Minute
		s, r := play(t, options(users(5), runTime, newTarget(stalls), get(stress.Pacing(pace))))
		var truth []time.Duration
		free := time.Duration(0)
		for due := time.Duration(0); max(due, free) < runTime; due += pace {
			done, _ := stalls(max(due, free))
			truth = append(truth, done-due)
			free = done
		}
		want, got := percentile(truth, 99), time.Duration(s.Total.Response.P99)
		if !near(got, want, 0.05) || want < 1800*time.Millisecond {
			t.Errorf("p99 is %v, but really %v", got, want)
		}
		if naive := time.Duration(s.Total.Service.P99); naive > 2*work {
			t.Errorf("the naive p99 is %v: it should hide the stalls", naive)
		}
		if !near(s.Total.Requests, int64(5*len(truth)), 0.001) {
			t.Errorf("%d requests, want %d: the pace was lost", s.Total.Requests, 5*len(truth))
		}
		if self := r.Self(); self.Bottleneck {
			t.Errorf("%+v", self)
		}
	})
}
