package session

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"onsale/internal/field"
	"onsale/internal/stress"
	"onsale/internal/stress/capacity"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

const (
	// firstUsers is the default first load.
	firstUsers = 10
	// One part in warmUpShare of each step does not count: it establishes connections
	// and fills queues.
	warmUpShare = 5
	// Answers fall behind if, in the counted part of a step, more than pileShare of the
	// due tasks have piled up, and at least pileLeast. Such a load would not hold for
	// long, whatever the latencies are.
	pileShare = 0.02
	pileLeast = 10
)

// Search configures a search for the capacity.
type Search struct {
	// StepTime is the duration of each step.
	StepTime time.Duration
	// Start is the first load and Max the highest load to try, in users or tasks a
	// second. Start 0 means the load of the settings.
	Start, Max float64
	// Step is called after each step.
	Step func(result.Step)
}

// FindCapacity finds the highest load at which no threshold is crossed. The figures of
// the report are those of the last load that held. Watch is called once a second. If
// the context ends or [Session.Stop] is called, the report has what is known until
// then.
func (s *Session) FindCapacity(ctx context.Context, search Search, watch func(result.Run, result.Now)) (result.Run, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.search, s.held = cancel, map[float64]result.Run{}
	if s.stopping {
		cancel()
	}
	s.mu.Unlock()
	if err := s.before(ctx); err != nil {
		return result.Run{}, err
	}
	open := s.plan.whole.Open
	found, err := capacity.Find(ctx, capacity.Options{
		Measure: func(ctx context.Context, load float64) (result.Step, error) {
			return s.measure(ctx, load, search.StepTime, watch)
		},
		Start: s.first(search), Max: s.limit(search), Resolution: capacity.DefaultResolution, Integer: !open, Progress: search.Step,
	})
	known := errors.Is(err, capacity.ErrTester) || errors.Is(err, capacity.ErrSteps) || ctx.Err() != nil
	if err != nil && !known {
		return result.Run{}, err
	}
	final := s.conclude(found, err)
	s.mu.Lock()
	s.final = &final
	s.mu.Unlock()
	s.after(ctx)
	return s.Report(), nil
}

// minStep is the shortest step. A shorter one has too few requests to judge.
const minStep = time.Second

// CheckSearch returns a [*field.Error] if a search is invalid.
func (s *Session) CheckSearch(search Search) error {
	limit := s.limit(search)
	switch {
	case search.StepTime < minStep || search.StepTime > time.Hour:
		return field.Errorf("step_time", "must be between %s and 1h", minStep)
	case !(search.Max >= 0) || limit > s.most():
		return field.Errorf("max_load", "must be between 1 and %g", s.most())
	case !(search.Start >= 0) || s.first(search) > limit:
		return field.Errorf("start_load", "must be above 0 and at most %g, the highest load", limit)
	case !s.plan.whole.Open && (search.Start != math.Trunc(search.Start) || search.Max != math.Trunc(search.Max)):
		return field.Errorf("start_load", "and max_load must be whole numbers of users")
	case s.settings.Shape != "":
		return field.Errorf("find_capacity", "must not be given together with a shape: the search sets the load itself")
	}
	return nil
}

// most returns the highest load that all workers together can generate.
func (s *Session) most() float64 {
	if s.plan.whole.Open {
		return stress.MaxRate * float64(s.plan.workers)
	}
	return stress.MaxUsers * float64(s.plan.workers)
}

func (s *Session) first(search Search) float64 {
	switch {
	case search.Start > 0:
		return search.Start
	case s.plan.whole.Open: // the search begins at the load of the settings
		return min(s.plan.whole.Curve.From, s.limit(search))
	case s.options.Settings.Users > 0:
		return min(float64(s.options.Settings.Users), s.limit(search))
	default:
		return min(firstUsers, s.limit(search))
	}
}

// limit returns the highest load that a search tries. On a host that is not loopback,
// that is the highest load that needs no confirmation, unless more was requested.
func (s *Session) limit(search Search) float64 {
	switch {
	case search.Max > 0:
		return search.Max
	case s.options.Target.Loopback():
		return s.most()
	default:
		return s.unasked()
	}
}

// measure runs one load, and reports whether a threshold was crossed.
func (s *Session) measure(ctx context.Context, load float64, d time.Duration, watch func(result.Run, result.Now)) (result.Step, error) {
	l := s.plan.whole
	l.Curve = stress.Curve{From: load}
	if err := s.begin(l.Share(s.plan.worker, s.plan.workers), d); err != nil {
		return result.Step{}, err
	}
	if err := s.drive(ctx, newWarmUp(d/warmUpShare, false), watch); err != nil {
		return result.Step{}, err
	}
	if err := ctx.Err(); err != nil {
		return result.Step{}, fmt.Errorf("measure %g: %w", load, err)
	}
	r := s.live()
	step := result.Step{
		Load: load, Rate: answered(r.Stats), P50: r.Stats.Total.Response.P50, P95: r.Stats.Total.Response.P95, P99: r.Stats.Total.Response.P99,
		Held: r.Verdict.Code == result.Passed, Tester: r.Verdict.Code == result.Bottleneck,
	}
	if n := r.Stats.Total.Requests; n > 0 {
		step.FailureShare = float64(r.Stats.Total.Failures) / float64(n)
	}
	if piled := pile(r.Stats, s.plan.whole.Open); piled > 0 && step.Held {
		step.Held, step.Broke = false, fmt.Sprintf("answers fell behind: %d more in flight at the end", piled)
	}
	for _, check := range r.Verdict.Checks {
		if check.Crossed && step.Broke == "" {
			step.Broke = check.Expr
		}
	}
	if !step.Held && step.Broke == "" && len(r.Verdict.Reasons) > 0 {
		step.Broke = r.Verdict.Reasons[0] // no threshold: for example, nothing was sent
	}
	if step.Held {
		s.held[load] = r
	}
	return step, nil
}

// answered returns the rate of answers during the load. The totals also count answers
// that came after the load, so with a target that falls behind they are higher than
// what it can serve.
func answered(s stats.Snapshot) float64 {
	var requests int64
	var seconds float64
	for _, p := range underLoad(s) {
		requests, seconds = requests+p.Requests, seconds+p.Length
	}
	if seconds == 0 {
		return s.Total.Rate
	}
	return float64(requests) / seconds
}

// pile returns how many tasks have piled up in a step; 0 if that is insignificant.
func pile(s stats.Snapshot, open bool) int {
	points := underLoad(s)
	if !open || len(points) < 2 {
		return 0
	}
	piled := points[len(points)-1].InFlight - points[0].InFlight
	if piled < pileLeast || float64(piled) < pileShare*float64(s.Due) {
		return 0
	}
	return piled
}

// underLoad returns the points of the series during the load. The last one can end a
// moment later.
func underLoad(s stats.Snapshot) []stats.Point {
	const moment = 0.01 // s
	end := slices.IndexFunc(s.Series, func(p stats.Point) bool { return p.At > s.Duration+moment })
	if end < 0 {
		return s.Series
	}
	return s.Series[:end]
}

// conclude replaces the last measurement with the result of the search.
func (s *Session) conclude(found result.Capacity, err error) result.Run {
	r := s.live()
	r.Settings.FindCapacity = true
	if found.Highest > 0 {
		if s.plan.whole.Open {
			r.Settings.Rate = found.Highest
		} else {
			r.Settings.Users = int(found.Highest)
		}
	}
	if best, ok := s.held[found.Highest]; ok {
		r.Stats, r.Self, r.Verdict = best.Stats, best.Self, best.Verdict
	}
	r.Capacity = &found
	r.Notes = append(r.Notes, capacity.Sentence(found, err))
	switch {
	case errors.Is(err, capacity.ErrTester):
		r.Verdict.Code = result.Bottleneck
		r.Verdict.Reasons = append(r.Verdict.Reasons, "the load tester could not keep up before the target broke")
	case found.Highest == 0:
		r.Verdict.Code = result.Failed
		r.Verdict.Reasons = append(r.Verdict.Reasons, "no load held")
	}
	return r
}
