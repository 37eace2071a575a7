// Package capacity finds the highest load that a target sustains. It raises the load
// until a threshold breaks and stays broken. Then it halves the range between the
// highest load that held and the lowest that did not.
package capacity

import (
	"context"
	"errors"
	"fmt"
	"math"

	"onsale/internal/stress/result"
)

// Limits of a search.
const (
	// DefaultResolution is the default of [Options.Resolution].
	DefaultResolution = 0.05
	// leastResolution is about the noise of a step.
	leastResolution = 0.005
	// maxSteps ends any search: 20 doublings, 8 halvings, and each of them twice.
	maxSteps = 60
	// mostDown limits how far a first load that breaks is halved: ten times.
	mostDown = 1024
	// maxConfirm is how often a found load can fail its confirmation.
	maxConfirm = 5
)

// Errors that end a search early. Find returns what is known until then as well.
var (
	// ErrTester is returned if the load tester could not keep up, so that the capacity
	// of the target is unknown.
	ErrTester = errors.New("the load tester could not keep up")
	// ErrSteps is returned if the measurements contradicted each other for too long.
	ErrSteps = errors.New("too many steps without a clear answer")
)

// Options of [Find].
type Options struct {
	// Measure puts a load on the target, waits until it has settled, and returns the
	// measurement. An error ends the search.
	Measure func(ctx context.Context, load float64) (result.Step, error)
	// Start is the first load, and Max the highest load to try.
	Start, Max float64
	// Resolution is the relative distance of the highest load that held and the lowest
	// that broke, at which the search ends. It is at least 0.005; 0 means
	// [DefaultResolution].
	Resolution float64
	// Integer is set if loads are users. Otherwise they are tasks a second.
	Integer bool
	// Progress is called after each step, if it is not nil.
	Progress func(result.Step)
}

func (o *Options) validate() error {
	if o.Resolution == 0 {
		o.Resolution = DefaultResolution
	}
	switch {
	case o.Measure == nil:
		return errors.New("capacity: Measure is missing")
	case !(o.Start > 0) || math.IsInf(o.Start, 0):
		return fmt.Errorf("capacity: the first load is %v: it must be more than 0", o.Start)
	case !(o.Max >= o.Start) || math.IsInf(o.Max, 0):
		return fmt.Errorf("capacity: the highest load is %v: it must be at least the first, %v", o.Max, o.Start)
	case o.Integer && (o.Start != math.Trunc(o.Start) || o.Max != math.Trunc(o.Max)):
		return fmt.Errorf("capacity: the loads are %v to %v users: they must be whole numbers", o.Start, o.Max)
	case !(o.Resolution >= leastResolution && o.Resolution < 1):
		return fmt.Errorf("capacity: the resolution is %v: it must be from %v to below 1", o.Resolution, leastResolution)
	}
	return nil
}

// Find searches for the highest load that holds.
//
// It doubles the first load until one breaks. If the first load breaks already, it
// halves it until one holds. Then it tries the geometric mean of the highest load that
// held and the lowest that broke, until they are within the resolution of each other. A
// load breaks only if it breaks twice without holding in between, so that a hiccup is
// not a limit. At the end, the found load is measured once more, and given up if it
// breaks twice.
//
// A measurement in which the load tester could not keep up is inconclusive and
// repeated. A second one at the same load ends the search with [ErrTester].
//
// If the search ends early, because the context ended, a measurement failed or it gave
// up, Find returns what is known together with the error.
func Find(ctx context.Context, o Options) (result.Capacity, error) {
	if err := o.validate(); err != nil {
		return result.Capacity{}, err
	}
	s := &search{o: o}
	err := s.run(ctx)
	return s.capacity(), err
}

// capacity returns what is known.
func (s *search) capacity() result.Capacity {
	c := result.Capacity{Unit: "/s", Highest: s.held, Broken: s.broken, Points: byLoad(s.steps)}
	if s.o.Integer {
		c.Unit = "users"
	}
	c.Knee = kneeOf(c.Points)
	return c
}
