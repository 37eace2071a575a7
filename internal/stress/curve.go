package stress

import (
	"fmt"
	"math"
	"time"

	"onsale/internal/field"
)

const (
	// maxStages limits the stages of a curve, because finding each due moment walks
	// along them.
	maxStages = 1000
	// tolerance is the rounding error of sums: a value that is this close to a whole
	// user or arrival counts as it.
	tolerance = 1e-9
)

// Stage is a part of a [Curve]: a straight line to the value To, which takes Over. A
// stage that takes no time is a step.
type Stage struct {
	Over time.Duration
	To   float64
}

// area returns how many tasks are due in the stage, given the value at its start.
func (s Stage) area(from float64) float64 { return (from + s.To) / 2 * s.Over.Seconds() }

// Curve is a number of users, or of tasks a second, over time, made of straight lines.
// Its methods depend only on the elapsed time.
type Curve struct {
	// From is the value at the start.
	From   float64
	Stages []Stage
	// Ends ends the run with the last stage. Otherwise the last value continues.
	Ends bool
}

// Flat returns a curve with a constant value.
func Flat(value float64) Curve { return Curve{From: value} }

// SpawnCurve returns the curve of Locust's spawn rate: one user starts at once, and
// another every 1/spawnRate seconds. With a spawn rate of 0, all start at once.
func SpawnCurve(users int, spawnRate float64) Curve {
	if users <= 1 || spawnRate <= 0 {
		return Flat(float64(users))
	}
	// A length above the limit stays above the limit, and fits into a duration.
	over := min(float64(users-1)/spawnRate, 2*MaxLength.Seconds())
	return Curve{From: 1, Stages: []Stage{{Over: seconds(over), To: float64(users)}}}
}

// Length returns the total length of all stages.
func (c Curve) Length() time.Duration {
	var sum time.Duration
	for _, s := range c.Stages {
		sum += s.Over
	}
	return sum
}

// Peak returns the highest value.
func (c Curve) Peak() float64 {
	highest := c.From
	for _, s := range c.Stages {
		highest = max(highest, s.To)
	}
	return highest
}

// At returns the value at a time since the start. At a step, that is the new value.
func (c Curve) At(t time.Duration) float64 {
	t = max(t, 0)
	from := c.From
	for _, s := range c.Stages {
		if t < s.Over {
			return from + (s.To-from)*(float64(t)/float64(s.Over))
		}
		t -= s.Over
		from = s.To
	}
	return from
}

// Area returns the number of tasks that are due until a time: the integral of the
// curve.
func (c Curve) Area(t time.Duration) float64 {
	t = max(t, 0)
	from, area := c.From, 0.0
	for _, s := range c.Stages {
		if t < s.Over {
			x := t.Seconds()
			return area + from*x + (s.To-from)*x*x/(2*s.Over.Seconds())
		}
		area += s.area(from)
		t -= s.Over
		from = s.To
	}
	if !c.Ends {
		area += from * t.Seconds()
	}
	return area
}

// Due returns the time from which more than n tasks are due; false if that never
// happens. It is the inverse of Area. Where no task is due for a while after the n-th,
// it is the end of that while.
func (c Curve) Due(n float64) (time.Duration, bool) {
	var begin time.Duration
	from := c.From
	for _, s := range c.Stages {
		area := s.area(from)
		if n < area-tolerance {
			return begin + seconds(within(from, s, n)), true
		}
		n = max(n-area, 0)
		begin += s.Over
		from = s.To
	}
	if c.Ends || from <= 0 || n/from > MaxLength.Seconds() {
		return 0, false
	}
	return begin + seconds(n/from), true
}

// within returns the number of seconds of a stage until n tasks are due. The area is
// a·x + (b-a)·x²/2D. This form of its root loses no precision if both ends are equal or
// nearly equal.
func within(from float64, s Stage, n float64) float64 {
	slope := (s.To - from) / s.Over.Seconds()
	root := math.Sqrt(max(from*from+2*slope*n, 0))
	if from+root == 0 {
		return 0
	}
	return 2 * n / (from + root)
}

// next returns the first time after t at which the curve, rounded down, can have
// another value; false if it stays constant.
func (c Curve) next(t time.Duration) (time.Duration, bool) {
	var begin time.Duration
	from := c.From
	for _, s := range c.Stages {
		end := begin + s.Over
		if t < end {
			return min(crossing(from, s, t-begin)+begin, end), true
		}
		begin, from = end, s.To
	}
	return 0, false
}

// crossing returns when a stage, rounded down, has another value than at t; the end of
// the stage if that does not happen before. The result is at least a millisecond ahead,
// so that rounding errors cannot cause a busy loop.
func crossing(from float64, s Stage, t time.Duration) time.Duration {
	if s.To == from {
		return s.Over
	}
	slope := (s.To - from) / s.Over.Seconds()
	next := whole(from + slope*t.Seconds())
	if slope > 0 {
		next++
	}
	return max(seconds((next-from)/slope)+1, t+time.Millisecond)
}

// whole rounds a value of a curve down to whole users.
func whole(value float64) float64 { return math.Floor(value + tolerance) }

// seconds converts seconds to a duration, rounded up, so that the curve has reached its
// value at the end.
func seconds(s float64) time.Duration { return time.Duration(math.Ceil(s * float64(time.Second))) }

// validate returns an error that names the field and the rule.
func (c Curve) validate(l limit) error {
	if len(c.Stages) > maxStages {
		return field.Errorf(l.field, "must have at most %d stages, not %d", maxStages, len(c.Stages))
	}
	if err := l.check(c.From, ""); err != nil {
		return err
	}
	for i, s := range c.Stages {
		if s.Over < 0 || s.Over > MaxLength {
			return field.Errorf(l.field, "must have stages of 0 to %d days: stage %d takes %v", MaxLength/(24*time.Hour), i+1, s.Over)
		}
		if err := l.check(s.To, fmt.Sprintf(" in stage %d", i+1)); err != nil {
			return err
		}
	}
	if c.Ends && c.Length() == 0 {
		return field.Errorf(l.field, "must have stages that take some time")
	}
	return nil
}
