package capacity

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"onsale/internal/stress/result"
)

// search is one search.
type search struct {
	o Options
	// held is the highest load that held, and broken the lowest that did not; 0 if there is none.
	held, broken float64
	steps        []result.Step
}

func (s *search) run(ctx context.Context) error {
	for range maxConfirm {
		if err := s.bracket(ctx); err != nil || s.held == 0 {
			return err
		}
		if err := s.bisect(ctx); err != nil {
			return err
		}
		// A load breaks only after two measurements, but holds after one, and the
		// highest of many may have been lucky.
		was := s.held
		if err := s.try(ctx, was); err != nil || s.held == was {
			return err
		}
	}
	return fmt.Errorf("confirm the highest load: %w", ErrSteps)
}

// bracket finds a load that holds, and one above it that does not. One of them is 0 if
// there is none within the bounds.
func (s *search) bracket(ctx context.Context) error {
	for s.held == 0 || s.broken == 0 {
		load := s.o.Start
		switch {
		case s.held > 0:
			load = min(2*s.held, s.o.Max)
		case s.broken > 0:
			load = s.round(s.broken / 2)
		}
		if load == s.held || s.broken > 0 && load >= s.broken || load < s.o.Start/mostDown {
			return nil
		}
		if err := s.try(ctx, load); err != nil {
			return err
		}
	}
	return nil
}

// bisect narrows the range between the load that holds and the one that does not.
func (s *search) bisect(ctx context.Context) error {
	for s.broken > s.held*(1+s.o.Resolution) {
		// The resolution is a factor, so the middle is the geometric mean.
		middle := s.round(math.Sqrt(s.held * s.broken))
		if middle <= s.held || middle >= s.broken {
			return nil
		}
		if err := s.try(ctx, middle); err != nil {
			return err
		}
	}
	return nil
}

// round rounds loads to whole users, or to four digits of a rate.
func (s *search) round(load float64) float64 {
	if s.o.Integer {
		return math.Round(load)
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(load)))
	return math.Round(load*scale) / scale
}

// try measures a load until it has held once, has broken twice or was spoiled by the
// load tester twice: two or three times at most.
func (s *search) try(ctx context.Context, load float64) error {
	broke, spoiled := 0, 0
	for broke < 2 && spoiled < 2 {
		step, err := s.measure(ctx, load)
		switch {
		case err != nil:
			return err
		case step.Held:
			s.held = max(s.held, load)
			return nil
		case step.Tester:
			spoiled++
		default:
			broke++
		}
	}
	if spoiled == 2 {
		return fmt.Errorf("measure at a load of %v: %w", load, ErrTester)
	}
	s.breakAt(load)
	return nil
}

// breakAt records a load that broke. That the same or a higher load held before was
// luck.
func (s *search) breakAt(load float64) {
	s.broken = load
	if s.held < load {
		return
	}
	s.held = 0
	for _, step := range s.steps {
		if step.Held && step.Load < load {
			s.held = max(s.held, step.Load)
		}
	}
}

// measure takes one measurement. If the load tester spoiled it, the load did not hold.
func (s *search) measure(ctx context.Context, load float64) (result.Step, error) {
	if err := ctx.Err(); err != nil {
		return result.Step{}, err
	}
	if len(s.steps) == maxSteps {
		return result.Step{}, ErrSteps
	}
	step, err := s.o.Measure(ctx, load)
	if err != nil {
		return result.Step{}, fmt.Errorf("measure at a load of %v: %w", load, err)
	}
	step.Load = load
	step.Held = step.Held && !step.Tester
	s.steps = append(s.steps, step)
	if s.o.Progress != nil {
		s.o.Progress(step)
	}
	return step, nil
}

// byLoad sorts steps by load. Steps of the same load keep their order.
func byLoad(steps []result.Step) []result.Step {
	sorted := append([]result.Step{}, steps...)
	slices.SortStableFunc(sorted, func(a, b result.Step) int { return cmp.Compare(a.Load, b.Load) })
	return sorted
}
