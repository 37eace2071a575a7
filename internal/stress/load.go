package stress

import (
	"math"
	"time"

	"onsale/internal/field"
)

// Limits of one process, after [Load.Share].
const (
	// MaxUsers is the maximum number of users. They take some 3 GB of memory and as
	// many connections. A machine has about 28,000 local ports for one target.
	MaxUsers = 100_000
	// MaxRate is the maximum rate of the open model, in tasks a second. It is far above
	// what one process can send.
	MaxRate = 1_000_000
	// DefaultMaxInFlight is the default of [Load.MaxInFlight]: one second of 10,000/s
	// at a target that stalls.
	DefaultMaxInFlight = 10_000
	// MaxLength limits a run, each stage of a curve, and each duration on the command
	// line. A longer load test is a typing error.
	MaxLength = 366 * 24 * time.Hour
)

// MaxWorkers is the maximum number of processes that share a load.
const MaxWorkers = 1_000

// Arrivals is the distribution of the arrivals in the open model.
type Arrivals string

// The distributions.
const (
	// Even arrivals have equal intervals, like k6's constant-arrival-rate.
	Even Arrivals = "constant"
	// Poisson arrivals are independent of each other, like those of real users: the
	// intervals are distributed exponentially.
	Poisson Arrivals = "poisson"
)

// Load is the load on a target.
type Load struct {
	// Open selects the open model: tasks begin at a rate, each when it is due.
	// Otherwise Curve counts users, and each user waits for the end of a task before it
	// begins the next.
	Open bool
	// Curve is the number of users, or of tasks a second, over time.
	Curve Curve
	// Arrivals is [Even] by default.
	Arrivals Arrivals
	// MaxInFlight limits the tasks under way in the open model, in each process; 0
	// means [DefaultMaxInFlight]. Tasks that are due beyond that are not sent, and
	// counted.
	MaxInFlight int
}

// Share returns the share of one worker, counted from 0. The shares of all workers add
// up to exactly the whole load: at each moment as many users, and with even arrivals
// the same arrivals. [Options] must name the same worker.
func (l Load) Share(worker, workers int) Load {
	if workers <= 1 {
		return l
	}
	// Of the users 0, 1, 2…, a worker has every n-th one, beginning with its own
	// number: that is (users+n-1-worker)/n, rounded down.
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

// value rounds a value of the curve to what it means: users are whole.
func (l Load) value(v float64) float64 {
	if l.Open {
		return v
	}
	return whole(v)
}

// limit is the highest value of a curve, and how to count its values.
type limit struct {
	field string
	most  float64
	count func(float64) float64
}

// limit returns the limit of a number of processes together.
func (l Load) limit(processes float64) limit {
	if l.Open {
		return limit{"rate", processes * MaxRate, l.value}
	}
	return limit{"users", processes * MaxUsers, l.value}
}

// check returns an error if a value is out of range or not a number.
func (l limit) check(value float64, where string) error {
	if v := l.count(value); v >= 0 && v <= l.most {
		return nil
	}
	return field.Errorf(l.field, "must be between 0 and %.0f%s, not %g", l.most, where, value)
}

// Validate checks a load against the limits of one process. Call [Load.Share] first if
// several processes share the load. An error is a [*field.Error] that names the
// setting: users, rate, arrivals or max_in_flight.
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

// CheckSpawnRate checks how many users, or tasks a second, start or stop each second; 0
// means all at once. An error is a [*field.Error].
func CheckSpawnRate(perSecond float64) error {
	if !(perSecond >= 0) || math.IsInf(perSecond, 1) {
		return field.Errorf("spawn_rate", "must be a number of 0 or more a second, not %g", perSecond)
	}
	return nil
}

// plan is a curve that applies from a moment of the run on: the load's own curve from
// the start, or another one after a change.
type plan struct {
	curve Curve
	// since is the moment when the plan began, and area the number of tasks that had
	// been due by then.
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

// change returns the plan that moves from the value at a moment to another value, at a
// speed per second, or at once with 0. The count of due tasks continues, so that no
// arrival is lost or doubled.
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
