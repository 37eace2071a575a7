package stress

import (
	"time"

	"onsale/internal/stress/stats"
)

// The rules by which the tester judges itself.
var (
	IsLate   = isLate
	TooOften = tooOften
)

// SendLate lets a run see that a task was taken up late.
func SendLate(r *Run, lag time.Duration) { r.self.sent(time.Now().Add(-lag)) }

// SetClock gives a run, before it is run, another clock to see by that it is late.
func SetClock(r *Run, now func() time.Time) { r.self.now = now }

// Due is when a user's present task was due, where it is measured from then.
func Due(u *User) time.Time { return u.due }

// Began is when a run began.
func Began(r *Run) time.Time {
	_, began := r.current()
	return began
}

// Watched is what a tester says of itself after seconds in which its timer and its tasks had these
// lags.
func Watched(seconds int, beats, sends []time.Duration) stats.Self {
	s, now := newSelf(true), time.Now()
	s.now = func() time.Time { return now }
	s.begin(now)
	for range seconds {
		for _, lag := range beats {
			s.beat(now.Add(-lag))
		}
		for _, lag := range sends {
			s.sent(now.Add(-lag))
		}
		now = now.Add(time.Second)
		s.tick(now)
		s.judge(0)
	}
	return s.report()
}

// Rested is a tester that was reset so shortly before its last tick.
func Rested(d time.Duration, beats ...time.Duration) stats.Self {
	s, now := newSelf(false), time.Now()
	s.now = func() time.Time { return now }
	s.begin(now)
	s.reset(now)
	for _, lag := range beats {
		s.beat(now.Add(-lag))
	}
	s.tick(now.Add(d))
	s.judge(0)
	return s.report()
}

// Rest rests so many times, and returns how long each took, and whether Go's timers did it.
func Rest(d time.Duration, times int) (took []time.Duration, plain bool) {
	var r sleeper
	defer r.close()
	for range times {
		began := time.Now()
		r.sleep(d)
		took = append(took, time.Since(began))
	}
	return took, r.plain
}
