package stress

import (
	"math"
	"time"

	"onsale/internal/field"
)

// Limits of what one process does, after [Load.Share].
const (
	// MaxUsers is the most users: some 3 GB, and as many connections. A machine
	// has about 28,000 local ports for one target.
	MaxUsers = 100_000
	// MaxRate is the most tasks a second in the open model, far above what a process can begin.
	MaxRate = 1_000_000
	// DefaultMaxInFlight is how many tasks are under way in the open model where
	// [Load.MaxInFlight] does not say: a second of 10,000/s, say, at a target that stalls.
	DefaultMaxInFlight = 10_000
	// MaxLength bounds a run, each stage of a curve, and each time of the command line.
	// A load test of more than a year is a slip of the keyboard.
	MaxLength = 366 * 24 * time.Hour
)

// MaxWorkers is the most processes that share a load: all the machines that one has
// for an hour.
const MaxWorkers = 1_000

// Arrivals says how the moments of the open model are spread.
type Arrivals string

// The ways of arriving.
const (
	// Even arrivals are equally far from each other: k6's constant-arrival-rate.
	Even Arrivals = "constant"
	// Poisson arrivals are independent of each other, as people's are: the times between them are exponential.
	Poisson Arrivals = "poisson"
)

// Load is how much is asked of a target.
type Load struct {
	// Open begins tasks at a rate, each when it is due; otherwise Curve counts users, each of whom
	// waits for one task to end before the next.
	Open bool
	// Curve is the number of users, or of tasks a second, over time.
	Curve Curve
	// Arrivals is [Even] by default.
	Arrivals Arrivals
	// MaxInFlight bounds the tasks under way in the open model, DefaultMaxInFlight in each process by default; what is
	// due beyond is not sent, and counted.
	MaxInFlight int
}

// Share returns what one of several workers does, counted from 0. All of them together do exactly the whole: at each
// moment as many users, and where arrivals are even, the same arrivals. [Options] must name the same worker.
func (l Load) Share(worker, workers int) Load {
	if workers <= 1 {
		return l
	}
	// Of the users 0, 1, 2…, a worker has each n-th from its own number on: the
	// whole number below (users+n-1-worker)/n.
	n := float64(workers)
	offset := n - 1 - float64(worker)
	if l.Open {
		offset = 0
		if l.MaxInFlight > 0 {
			l.MaxInFlight = max((l.MaxInFlight+workers-1-worker)/workers, 1)
		}
	}
	part := Curve{From: (l.Curve.From + offset) / n, Ends: l.Curve.Ends}
	for _, s := range l.Curve.Stages {
		part.Stages = append(part.Stages, Stage{Over: s.Over, To: (s.To + offset) / n})
	}
	l.Curve = part
	return l
}

func (l Load) maxInFlight() int {
	if l.MaxInFlight == 0 {
		return DefaultMaxInFlight
	}
	return l.MaxInFlight
}

// value rounds one of the curve to what it stands for: there is no half a user.
func (l Load) value(v float64) float64 {
	if l.Open {
		return v
	}
	return whole(v)
}

// limit is the highest value that a curve may have, and what its values count.
type limit struct {
	field string
	most  float64
	count func(float64) float64
}

// limit returns that of a number of processes.
func (l Load) limit(processes float64) limit {
	if l.Open {
		return limit{"rate", processes * MaxRate, l.value}
	}
	return limit{"users", processes * MaxUsers, l.value}
}

// check holds a value to what it may be. A NaN is none.
func (l limit) check(value float64, where string) error {
	if v := l.count(value); v >= 0 && v <= l.most {
		return nil
	}
	return field.Errorf(l.field, "must be between 0 and %.0f%s, not %g", l.most, where, value)
}

// Validate holds a load to the limits of one process: what several share is to be
// shared first. An error is a [*field.Error], which names the setting: users, rate,
// arrivals or max_in_flight.
func (l Load) Validate() error {
	if err := l.Curve.validate(l.limit(1)); err != nil {
		return err
	}
	if l.Arrivals != "" && l.Arrivals != Even && l.Arrivals != Poisson {
		return field.Errorf("arrivals", "must be %s or %s, not %q", Even, Poisson, l.Arrivals)
	}
	if l.MaxInFlight < 0 || l.MaxInFlight > MaxUsers {
		return field.Errorf("max_in_flight", "must be between 1 and %d, not %d", MaxUsers, l.MaxInFlight)
	}
	return nil
}

// CheckSpawnRate holds a number of users, or of tasks a second, that come or go each
// second to what it may be; 0 is all at once. An error is a [*field.Error].
func CheckSpawnRate(perSecond float64) error {
	if !(perSecond >= 0) || math.IsInf(perSecond, 1) {
		return field.Errorf("spawn_rate", "must be a number of 0 or more a second, not %g", perSecond)
	}
	return nil
}

// plan is a curve that is in force from a moment of the run on: the load's own from its
// start, or another since it was changed.
type plan struct {
	curve Curve
	// since is when it began, and area how many tasks had been due until then.
	since time.Duration
	area  float64
}

func (p plan) at(elapsed time.Duration) float64 { return p.curve.At(elapsed - p.since) }

func (p plan) next(elapsed time.Duration) (time.Duration, bool) {
	next, ok := p.curve.next(elapsed - p.since)
	return p.since + next, ok
}

func (p plan) due(n float64) (time.Duration, bool) {
	due, ok := p.curve.Due(max(n-p.area, 0))
	return p.since + due, ok
}

// change returns the plan that goes from what this one is at a moment to a
// value, so many a second, or at once with 0. What was due keeps its count, so
// that no arrival is lost or doubled.
func (p plan) change(elapsed time.Duration, to, perSecond float64) plan {
	from := p.at(elapsed)
	step := Stage{To: to}
	if perSecond > 0 {
		step.Over = seconds(min(math.Abs(to-from)/perSecond, MaxLength.Seconds()))
	}
	return plan{
		curve: Curve{From: from, Stages: []Stage{step}},
		since: elapsed, area: p.area + p.curve.Area(elapsed-p.since),
	}
}
