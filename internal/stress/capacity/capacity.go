// Package capacity finds the highest load that a target sustains: it steps the
// load up until a threshold breaks and stays broken, and then halves what lies
// between the highest load that held and the lowest that did not.
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
	// DefaultResolution is how far the lowest load that broke may be above the highest that held, as a share of it.
	DefaultResolution = 0.05
	// leastResolution is about what a step's own noise hides anyway.
	leastResolution = 0.005
	// maxSteps ends any search: 20 doublings, 8 halvings, and each of them twice.
	maxSteps = 60
	// mostDown is to what part of itself a first load that breaks is halved, ten times over.
	mostDown = 1024
	// maxConfirm is how often the highest load may turn out not to hold after all.
	maxConfirm = 5
)

// The ways in which a search ends early. What was known until then is returned
// beside them.
var (
	// ErrTester says that the tester could not keep up, so that the capacity of
	// the target is not known.
	ErrTester = errors.New("the tester itself could not keep up")
	// ErrSteps says that the measurements contradicted each other for too long.
	ErrSteps = errors.New("too many steps without a clear answer")
)

// Options of [Find].
type Options struct {
	// Measure puts a load on the target, waits until it has settled, and tells
	// what came of it. An error ends the search.
	Measure func(ctx context.Context, load float64) (result.Step, error)
	// Start is the first load, and Max the highest that is tried.
	Start, Max float64
	// Resolution is how exact the answer is, as a share of it: [DefaultResolution] by default, 0.005 at least.
	Resolution float64
	// Integer loads are users; others are tasks a second.
	Integer bool
	// Progress sees each step as soon as it was measured; nil is not told.
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
		return fmt.Errorf("capacity: loads of %v to %v users: users are whole", o.Start, o.Max)
	case !(o.Resolution >= leastResolution && o.Resolution < 1):
		return fmt.Errorf("capacity: the resolution is %v: it must be from %v to below 1", o.Resolution, leastResolution)
	}
	return nil
}

// Find searches for the highest load that holds.
//
// From the first load on, the load is doubled until one breaks; a first load
// that breaks already is halved until one holds. Then the geometric mean of the
// highest that held and the lowest that broke is tried, until they are within
// the resolution of each other. A load that broke is measured again, and broke
// only if it does so twice without holding between, so that a hiccup is no
// limit. What was found is measured once more at the end, and given up if it
// breaks (twice) then.
//
// A measurement in which the tester could not keep up says nothing about the
// target. It is repeated, and a second one at the same load ends the search
// with [ErrTester].
//
// The capacity holds what is known, with an error too: if the context ended (as
// by Ctrl-C), a measurement failed, or the search was given up.
func Find(ctx context.Context, o Options) (result.Capacity, error) {
	if err := o.validate(); err != nil {
		return result.Capacity{}, err
	}
	s := &search{o: o}
	err := s.run(ctx)
	return s.capacity(), err
}

// capacity tells what is known.
func (s *search) capacity() result.Capacity {
	c := result.Capacity{Unit: "/s", Highest: s.held, Broken: s.broken, Points: byLoad(s.steps)}
	if s.o.Integer {
		c.Unit = "users"
	}
	c.Knee = kneeOf(c.Points)
	return c
}
