package session

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/result"
	"onsale/internal/stress/scenario"
	"onsale/internal/stress/wire"
)

// Source is what the users of a session do.
type Source struct {
	Scenario *stress.Scenario
	// Instance is the built-in scenario; nil for other scenarios.
	Instance *scenario.Instance
}

// paced reports whether the scenario sets when tasks are due.
func (s Source) paced() bool {
	random, now := rand.New(rand.NewPCG(0, 0)), time.Time{}
	for _, kind := range s.Scenario.Kinds {
		if kind.Wait == nil {
			continue
		}
		if _, late := kind.Wait(random, now, now); late {
			return true
		}
	}
	return false
}

// Higher loads on a host that is not loopback need confirmation.
const (
	manyUsers = 1_000
	highRate  = 5_000
)

// unasked returns the highest load that needs no confirmation.
func (s *Session) unasked() float64 {
	if s.plan.whole.Open {
		return highRate
	}
	return manyUsers
}

// Question returns the question to ask before a high load goes to a host that may
// belong to somebody else. It is empty if the load is small or the host loopback. A
// search for the capacity counts with its limit.
func (s *Session) Question(search *Search) string {
	highest := s.plan.whole.Curve.Peak()
	if search != nil {
		highest = s.limit(*search)
	}
	unit := " users"
	if s.plan.whole.Open {
		unit = "/s"
	}
	if s.options.Target.Loopback() || highest <= s.unasked() {
		return ""
	}
	return fmt.Sprintf("a load of up to %g%s on %s", highest, unit, s.options.Target)
}

// conditions returns the options of the checks before and after a run.
func (s *Session) conditions(prepare bool) scenario.Options {
	return scenario.Options{
		Target: s.options.Target, Connect: s.connect, TLS: s.options.Wire.TLS, Token: s.options.AdminToken,
		Load: s.plan.whole, RunTime: s.plan.runTime, Prepare: prepare,
	}
}

func (s *Session) connect() wire.Doer { return wire.New(s.options.Target, s.options.Wire) }

// Await waits up to patience for a target that is starting. It calls waiting if it has
// to wait.
func (s *Session) Await(ctx context.Context, patience time.Duration, waiting func()) {
	r, onsale := &wire.Request{Method: http.MethodHead, Path: "/"}, s.options.Source.Instance != nil
	if onsale {
		r = &wire.Request{Method: http.MethodGet, Path: "/ready"} // other services answer this with 404
	}
	scenario.Await(ctx, s.conditions(false), r, onsale, patience, waiting)
}

// Check checks that the target is reachable, is the API that the scenario needs and has
// tickets left, and returns notes about it. Prepare creates a concert if one is
// missing. An error wraps [scenario.ErrNotReady], or is the context's error.
func (s *Session) Check(ctx context.Context, prepare bool) ([]string, error) {
	o := s.conditions(prepare)
	in := s.options.Source.Instance
	if in == nil {
		return nil, scenario.Reach(ctx, o, &wire.Request{Method: http.MethodHead, Path: "/"})
	}
	found, err := in.Check(ctx, o)
	return found.Notes, err
}

// before reads the ledger of the target before a run that buys tickets.
func (s *Session) before(ctx context.Context) error {
	in := s.options.Source.Instance
	if in == nil || !in.Sells {
		return nil
	}
	var err error
	s.books, err = in.OpenBooks(ctx, s.conditions(false))
	return err
}

// booksLimit limits the time to read the ledger after a run, because the target may
// still be busy.
const booksLimit = 30 * time.Second

// after compares the ledger and completes the report.
func (s *Session) after(ctx context.Context) {
	final := s.Report()
	s.remark(&final)
	s.mu.Lock()
	hurried := s.hurried
	s.mu.Unlock()
	if s.books != nil && !hurried {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), booksLimit)
		defer cancel()
		if audit, err := s.books.Close(ctx); err != nil {
			final.Notes = append(final.Notes, fmt.Sprintf("the ledger (GET /books) could not be read after the run: %v", err))
		} else {
			s.audit(&final, audit)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.final = &final
}

// audit fails a run if the ledger lacks a ticket that was reported as sold.
func (s *Session) audit(r *result.Run, a scenario.Audit) {
	if !a.Known {
		r.Notes = append(r.Notes, a.Text)
		return
	}
	r.Books = &result.Books{
		Told: a.Told, Booked: a.Booked, Unsure: a.Unsure, Missing: a.Missing, Extra: a.Extra, Agree: a.Agree, Text: a.Text,
	}
	if a.Missing == 0 && a.Unbalanced == 0 || len(s.plan.thresholds) == 0 {
		return
	}
	r.Verdict.Reasons = append(r.Verdict.Reasons, a.Text)
	if r.Verdict.Code == result.Passed {
		r.Verdict.Code = result.Failed
	}
}
