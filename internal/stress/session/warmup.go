package session

import "time"

// warmUp is the part at the start of a run that does not count.
type warmUp struct {
	// timer fires when the warm-up may be over.
	timer *time.Timer
	after time.Duration
	// users is set if the warm-up lasts until all users run.
	users bool
	done  bool
}

func newWarmUp(after time.Duration, users bool) *warmUp {
	return &warmUp{timer: time.NewTimer(after), after: after, users: users, done: after == 0 && !users}
}

func (w *warmUp) stop() { w.timer.Stop() }

// warmUp returns how long the warm-up of the settings lasts, including the start of the
// users if the settings say so.
func (s *Session) warmUp() time.Duration {
	if s.settings.ResetStats && s.settings.Shape == "" {
		return max(s.plan.warmUp, s.plan.load.Curve.Length())
	}
	return s.plan.warmUp
}

// warm discards, once, the figures of the warm-up when it is over.
func (s *Session) warm(w *warmUp) {
	now := s.Now()
	if w.done || now.Elapsed < w.after || w.users && float64(now.Users) < now.Wanted || now.Stopping {
		return
	}
	w.done = true
	// Expose both, so that Prometheus sees the warm-up as well: its counters only grow.
	s.expose(now, s.live())
	s.run.Reset()
	s.expose(now, s.live())
}

// neverWarm notes that a run ended before its warm-up was over.
func (s *Session) neverWarm(w *warmUp) {
	if w.done {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, "the run ended before its warm-up was over, so all of it is counted")
}
