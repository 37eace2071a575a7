package session

import (
	"fmt"
	"time"

	"onsale/internal/field"
	"onsale/internal/stress"
)

// Stop ends the run gently: tasks under way can end.
func (s *Session) Stop() { s.stopFor(endStopped) }

func (s *Session) stopFor(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return
	}
	s.stopping, s.end = true, why
	if s.run != nil {
		s.run.Stop()
	}
	if s.search != nil {
		s.search()
	}
}

// Change sets the number of users, or of tasks a second in the open model, of all
// workers together. A change that breaks a rule is a [*field.Error].
func (s *Session) Change(to, spawnRate float64) error {
	s.mu.Lock()
	run, over, searching := s.run, !s.ended.IsZero() || s.stopping, s.search != nil
	s.mu.Unlock()
	if run == nil || over {
		return stress.ErrNotRunning
	}
	if searching {
		return field.Errorf(s.LoadField(), "must not be changed during a search for the capacity")
	}
	if err := stress.CheckSpawnRate(spawnRate); err != nil {
		return err
	}
	l := s.plan.whole
	l.Curve = stress.Curve{From: to}
	if !s.options.Target.Loopback() && to > max(s.plan.whole.Curve.Peak(), s.unasked()) {
		return field.Errorf(s.LoadField(), "must not exceed the load at the start, because %s is not loopback", s.options.Target)
	}
	share, err := shareOf(l, s.plan.worker, s.plan.workers)
	if err != nil {
		return err
	}
	if err := run.Change(share.Curve.From, spawnRate/float64(s.plan.workers)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notes) < maxNotes {
		s.notes = append(s.notes, fmt.Sprintf("the load was changed to %[2]g %[3]s, %[1]s after the start",
			run.Now().Elapsed.Round(time.Second), to, map[bool]string{true: "tasks a second", false: "users"}[s.plan.whole.Open]))
	}
	return nil
}

// maxNotes limits the notes about changes of the load.
const maxNotes = 20

// Cut ends the run at once: tasks under way are cut off, and the ledger is not checked.
func (s *Session) Cut() {
	s.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hurried = true
	if s.run != nil {
		s.run.Cut()
	}
}

// LoadField returns the name of the setting that [Session.Change] changes: "rate"
// in the open model, else "users".
func (s *Session) LoadField() string {
	if s.plan.load.Open {
		return "rate"
	}
	return "users"
}
