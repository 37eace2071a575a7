package stress

import (
	"fmt"
	"math"
	"time"

	"onsale/internal/field"
)

const (
	// maxStages bounds the stages of a curve: each due moment walks along them.
	maxStages = 1000
	// tolerance is what sums of floating-point numbers may be off: a user or an
	// arrival that is missing so little is there.
	tolerance = 1e-9
)

// Stage is a part of a [Curve]: over so long, in a straight line, to that value. A stage that takes no time is a step.
type Stage struct {
	Over time.Duration
	To   float64
}

// area is how many tasks are due in a stage that begins with a value.
func (s Stage) area(from float64) float64 { return (from + s.To) / 2 * s.Over.Seconds() }

// Curve is a number over time, users or tasks a second, made of straight lines. It is a pure
// function of elapsed time.
type Curve struct {
	// From is the value at the start.
	From   float64
	Stages []Stage
	// Ends says that the run is over with the last stage; otherwise its value stays.
	Ends bool
}

// Flat returns a curve that has one value for ever.
func Flat(value float64) Curve { return Curve{From: value} }

// SpawnCurve returns the curve of Locust's spawn rate: one user comes at once, the next ones each 1/spawnRate seconds,
// and all of them stay. A spawn rate of 0 brings them all at once.
func SpawnCurve(users int, spawnRate float64) Curve {
	if users <= 1 || spawnRate <= 0 {
		return Flat(float64(users))
	}
	// What is longer than a load may be stays so, and fits into a duration.
	over := min(float64(users-1)/spawnRate, 2*MaxLength.Seconds())
	return Curve{From: 1, Stages: []Stage{{Over: seconds(over), To: float64(users)}}}
}

// Length is how long all stages take.
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

// At returns the value at a moment since the start. At a step it is the new one.
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

// Area returns how many tasks are due until a moment: the integral.
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

// Due returns the moment from which more than n tasks are due, false if it never comes: the inverse of the
// area. Where the area rests at n, as nothing is due for a while, it is the end of that rest.
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

// within returns after how many seconds of a stage n tasks are due. The area is
// a·x + (b-a)·x²/2D; its root is written so that neither equal ends nor small
// differences take digits away.
func within(from float64, s Stage, n float64) float64 {
	slope := (s.To - from) / s.Over.Seconds()
	root := math.Sqrt(max(from*from+2*slope*n, 0))
	if from+root == 0 {
		return 0
	}
	return 2 * n / (from + root)
}

// next returns the first moment after t at which the whole number below the
// curve may be another; false if it stays for ever.
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

// crossing returns when the whole number below a stage is another than it is at
// t, its end if it is the same until then. It looks at least a millisecond
// ahead, so that rounding does not make anybody look all the time.
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

// whole returns how many whole users a value of a curve is.
func whole(value float64) float64 { return math.Floor(value + tolerance) }

// seconds returns a number of seconds as a duration, rounded up, so that at its
// end a curve has reached what it should have.
func seconds(s float64) time.Duration { return time.Duration(math.Ceil(s * float64(time.Second))) }

// validate reports which part of a curve breaks which rule.
func (c Curve) validate(l limit) error {
	if len(c.Stages) > maxStages {
		return field.Errorf(l.field, "must have at most %d stages, not %d", maxStages, len(c.Stages))
	}
	if err := l.check(c.From, ""); err != nil {
		return err
	}
	for i, s := range c.Stages {
		if s.Over < 0 || s.Over > MaxLength {
			return field.Errorf(l.field, "must have stages of 0 to %d days, and stage %d takes %v", MaxLength/(24*time.Hour), i+1, s.Over)
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
