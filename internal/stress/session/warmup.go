package session

import "time"

// warmUp is the part at the start of a run that does not count.
type warmUp struct {
	// timer fires when it may be over.
	timer *time.Timer
	after time.Duration
	// users says that it lasts until all users are there.
	users bool
	done  bool
}

func newWarmUp(after time.Duration, users bool) *warmUp {
	return &warmUp{timer: time.NewTimer(after), after: after, users: users, done: after == 0 && !users}
}

func (w *warmUp) stop() { w.timer.Stop() }

// warmUp is how long the settings leave out, the coming of the users included
// where they say so.
func (s *Session) warmUp() time.Duration {
	if s.settings.ResetStats && s.settings.Shape == "" {
		return max(s.plan.warmUp, s.plan.load.Curve.Length())
	}
	return s.plan.warmUp
}

// warm forgets, once, what was counted until the warm-up is over.
func (s *Session) warm(w *warmUp) {
	now := s.Now()
	if w.done || now.Elapsed < w.after || w.users && float64(now.Users) < now.Wanted || now.Stopping {
		return
	}
	w.done = true
	// Around it, so that a Prometheus sees the warm-up as well: its counters only grow.
	s.expose(now, s.live())
	s.run.Reset()
	s.expose(now, s.live())
}

// neverWarm says what to know about a run that ended before its warm-up.
func (s *Session) neverWarm(w *warmUp) {
	if w.done {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, "the run ended before its warm-up was over, so all of it is counted")
}
