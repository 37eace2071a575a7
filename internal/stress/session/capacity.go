package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/capacity"
	"onsale/internal/stress/report"
	"onsale/internal/stress/verdict"
)

// The first loads that are tried, and how much of each step does not count:
// connections are made in it, and queues fill.
const (
	firstUsers  = 10
	firstRate   = 100
	warmUpShare = 5
)

// Search says how the capacity is looked for.
type Search struct {
	// StepTime is how long each load is tried.
	StepTime time.Duration
	// Start is the first load: users, or tasks a second; 0 is a default.
	Start float64
	// Step hears of each load that was tried.
	Step func(report.CapacityStep)
}

// FindCapacity looks for the highest load at which no threshold is crossed. The
// figures of the report are those of the last load that held. Watch is called
// once a second. When the context ends, or [Session.Stop] is called, the report
// has what is known until then.
func (s *Session) FindCapacity(ctx context.Context, search Search, watch func(report.Report, stress.Now)) (report.Report, error) {
	if err := s.before(ctx); err != nil {
		return report.Report{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.search, s.held = cancel, map[float64]report.Report{}
	s.mu.Unlock()
	if err := s.demandSending(); err != nil {
		return report.Report{}, err
	}
	open := s.plan.whole.Open
	start, limit := search.Start, float64(MaxUsers)
	if open {
		limit = MaxRate
	}
	if start == 0 {
		start = firstUsers
		if open {
			start = firstRate
		}
	}
	found, err := capacity.Find(ctx, capacity.Options{
		Measure: func(ctx context.Context, load float64) (report.CapacityStep, error) {
			return s.measure(ctx, load, search.StepTime, watch)
		},
		Start: start, Max: limit, Resolution: capacity.DefaultResolution, Integer: !open, Progress: search.Step,
	})
	known := errors.Is(err, capacity.ErrTester) || errors.Is(err, capacity.ErrSteps) || ctx.Err() != nil
	if err != nil && !known {
		return report.Report{}, err
	}
	final := s.conclude(found, err)
	s.mu.Lock()
	s.final = &final
	s.mu.Unlock()
	s.after(ctx)
	return s.Report(), nil
}

// demandSending adds the threshold without which a load that was not sent would
// seem to hold.
func (s *Session) demandSending() error {
	if !s.plan.whole.Open {
		return nil
	}
	for _, t := range s.plan.thresholds {
		if strings.HasPrefix(t.String(), "not_sent") {
			return nil
		}
	}
	sent, err := verdict.Parse("not_sent>1%")
	if err != nil {
		return fmt.Errorf("make threshold: %w", err)
	}
	s.plan.thresholds = append(s.plan.thresholds, sent)
	return nil
}

// measure lets one load run, and says whether a threshold was crossed.
func (s *Session) measure(ctx context.Context, load float64, d time.Duration, watch func(report.Report, stress.Now)) (report.CapacityStep, error) {
	l := s.plan.whole
	l.Curve = stress.Curve{From: load}
	if err := s.begin(l.Share(s.plan.worker, s.plan.workers), d); err != nil {
		return report.CapacityStep{}, err
	}
	if err := s.drive(ctx, &warmUp{after: d / warmUpShare}, watch); err != nil {
		return report.CapacityStep{}, err
	}
	if err := ctx.Err(); err != nil {
		return report.CapacityStep{}, fmt.Errorf("measure %g: %w", load, err)
	}
	r := s.live()
	step := report.CapacityStep{
		Load: load, Rate: r.Stats.Total.Rate, P50: r.Stats.Total.Response.P50, P95: r.Stats.Total.Response.P95, P99: r.Stats.Total.Response.P99,
		Held: r.Verdict.Code == report.Passed, Tester: r.Verdict.Code == report.Bottleneck,
	}
	if n := r.Stats.Total.Requests; n > 0 {
		step.FailureShare = float64(r.Stats.Total.Failures) / float64(n)
	}
	for _, check := range r.Verdict.Checks {
		if check.Crossed && step.Broke == "" {
			step.Broke = check.Expr
		}
	}
	if !step.Held && step.Broke == "" && len(r.Verdict.Reasons) > 0 {
		step.Broke = r.Verdict.Reasons[0] // it was no threshold: nothing was sent, say
	}
	if step.Held {
		s.held[load] = r
	}
	return step, nil
}

// conclude puts what was found in the place of the last measurement.
func (s *Session) conclude(found report.Capacity, err error) report.Report {
	r := s.live()
	if best, ok := s.held[found.Highest]; ok {
		r.Stats, r.Self, r.Verdict = best.Stats, best.Self, best.Verdict
	}
	r.Capacity = &found
	r.Notes = append(r.Notes, capacity.Sentence(found, err))
	switch {
	case errors.Is(err, capacity.ErrTester):
		r.Verdict.Code = report.Bottleneck
		r.Verdict.Reasons = append(r.Verdict.Reasons, "the tester could not keep up before the target broke")
	case found.Highest == 0 && err == nil:
		r.Verdict.Code = report.Failed
		r.Verdict.Reasons = append(r.Verdict.Reasons, "no load held that was tried")
	}
	return r
}
