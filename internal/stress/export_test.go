package stress

import (
	"time"

	"onsale/internal/stress/stats"
)

// The rules by which the load tester judges itself.
var (
	IsLate   = isLate
	TooOften = tooOften
)

// SendLate records that a task began late.
func SendLate(r *Run, lag time.Duration) { r.self.sent(time.Now().Add(-lag)) }

// SetClock sets the clock by which a run measures its own lag. Call it before Run.
func SetClock(r *Run, now func() time.Time) { r.self.now = now }

// Due returns when a user's current task was due, if its response time counts from
// then.
func Due(u *User) time.Time { return u.due }

// Began returns when a run began.
func Began(r *Run) time.Time {
	_, began := r.current()
	return began
}

// Watched returns the report of a load tester after seconds in which its timer and its
// tasks had these lags.
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

// Rested returns the report of a load tester that was reset this long before its last
// tick.
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

// Rest sleeps several times, and returns how long each took, and whether Go's timers
// were used.
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
