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
func SendLate(r *Run, lag time.Duration) { r.self.sent(lag) }

// Watched is what a tester says of itself after seconds in which its timer and its tasks had these
// lags.
func Watched(seconds int, beats, sends []time.Duration) stats.Self {
	s, now := newSelf(true), time.Now()
	s.begin(now)
	for range seconds {
		for _, lag := range beats {
			s.beat(lag)
		}
		for _, lag := range sends {
			s.sent(lag)
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
	s.begin(now)
	s.reset(now)
	for _, lag := range beats {
		s.beat(lag)
	}
	s.tick(now.Add(d))
	s.judge(0)
	return s.report()
}
