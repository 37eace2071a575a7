package stress

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// idleWindow is how long users who are not needed stay, with their
	// connections, for the next peak.
	idleWindow = 30 * time.Second
	// countEvery is after how many arrivals a dispatcher that does not get to
	// rest tells how many there were.
	countEvery = 1000
)

// open is the open model: a dispatcher hands each task that is due to a user who has none, whatever
// became of those before.
type open struct {
	r       *Run
	all     sync.WaitGroup
	sleeper sleeper

	// These are the dispatcher's own: the area of the curve at which the next task is due, how many were due, and how many
	// of those and of the ones not sent are not counted yet.
	target       float64
	arrivals     int
	due, notSent int64
	dice         *rand.Rand

	mu sync.Mutex
	// idle are the users without a task, by kind. Who became idle last is the first
	// to get one, so that what is not needed shows.
	idle [][]*seat
	// low is the least that there were since the window began.
	low    []int
	window time.Time
	came   int
	closed bool
}

var _ model = (*open)(nil)

// seat is a user of the open model, who waits for the moment at which its next
// task is due; closed, it is to leave.
type seat struct {
	kind int
	work chan time.Time
}

func newOpen(r *Run) *open {
	o := &open{
		r: r, idle: make([][]*seat, len(r.spread.kinds)), low: make([]int, len(r.spread.kinds)), window: time.Now(),
		// Users' dice count from 0, those of the dispatchers from the other end.
		dice: rand.New(rand.NewPCG(r.options.Seed, math.MaxUint64-uint64(r.options.Worker))), //nolint:gosec // G115: counted from 0
	}
	if r.options.Load.Arrivals == Poisson {
		o.target = o.dice.ExpFloat64()
	} else {
		// Workers' arrivals lie evenly between each other's.
		o.target = float64(r.options.Worker) / float64(r.options.Workers)
	}
	return o
}

// run hands out tasks until staying ends. What was due until then is handed out,
// or counted as not sent, however late.
func (o *open) run(ctx, staying context.Context) (users int) {
	defer o.sleeper.close()
	defer o.count()
	var last time.Time
	for {
		due, ok := o.next()
		now := time.Now()
		if last.IsZero() && staying.Err() != nil {
			last = now
		}
		switch {
		case !last.IsZero() && (!ok || due.After(last)), ctx.Err() != nil:
			return int(o.r.users.Load())
		case ok && !due.After(now):
			o.send(ctx, due)
		default:
			o.count()
			o.sleep(staying, due, ok)
		}
	}
}

// next returns when the next task is due; false if none is.
func (o *open) next() (time.Time, bool) {
	p, began := o.r.current()
	elapsed, ok := p.due(o.target)
	if o.r.end > 0 && elapsed >= o.r.end {
		ok = false
	}
	return began.Add(elapsed), ok
}

// sleep waits until a task is due, or until that may have changed.
func (o *open) sleep(staying context.Context, due time.Time, ok bool) {
	d := time.Until(due)
	if ok && d < shortSleep {
		o.sleeper.sleep(d)
		return
	}
	var wake <-chan time.Time
	if ok {
		timer := time.NewTimer(d - shortSleep/2)
		defer timer.Stop()
		wake = timer.C
	}
	select {
	case <-wake:
	case <-o.r.changed:
	case <-staying.Done():
	}
}

// send hands a task that is due to a user who has none.
func (o *open) send(ctx context.Context, due time.Time) {
	// The kinds take turns over all workers, as users do in the closed model.
	kind := o.r.spread.kind(o.arrivals*o.r.options.Workers + o.r.options.Worker)
	o.arrivals++
	o.due++
	if o.r.options.Load.Arrivals == Poisson {
		o.target += o.dice.ExpFloat64()
	} else {
		o.target++
	}
	if o.r.inFlight.Load() >= int64(o.r.options.Load.maxInFlight()) {
		o.notSent++
	} else {
		o.r.inFlight.Add(1)
		o.take(ctx, kind).work <- due
	}
	if o.due >= countEvery {
		o.count()
	}
}

// count tells the statistics how many tasks were due since it last did.
func (o *open) count() {
	if o.due > 0 {
		o.r.options.Stats.Due(o.due, o.notSent)
		o.r.notSent.Add(o.notSent)
		o.due, o.notSent = 0, 0
	}
}

// take returns an idle user of a kind, or a new one.
func (o *open) take(ctx context.Context, kind int) *seat {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last := len(o.idle[kind]) - 1; last >= 0 {
		s := o.idle[kind][last]
		o.idle[kind] = o.idle[kind][:last]
		o.low[kind] = min(o.low[kind], last)
		return s
	}
	s := &seat{kind: kind, work: make(chan time.Time, 1)}
	n := o.came
	o.came++
	o.r.users.Add(1)
	o.all.Go(func() {
		defer o.r.users.Add(-1)
		o.live(ctx, s, n)
	})
	return s
}

// live is what a user of the open model does: the tasks that it is handed.
func (o *open) live(ctx context.Context, s *seat, n int) {
	due, ok := <-s.work
	if !ok {
		return
	}
	o.r.self.sent(due)
	m := o.r.join(ctx, s.kind, n)
	defer m.leave(ctx)
	for {
		// Starting is part of the first task: whoever arrives waits for it as well.
		if m.start(ctx) {
			m.act(ctx, due)
		}
		m.user.conn.Release()
		o.r.inFlight.Add(-1)
		if !o.free(s) {
			return
		}
		if due, ok = <-s.work; !ok {
			return
		}
		o.r.self.sent(due)
	}
}

// free makes a user idle, unless it is to leave.
func (o *open) free(s *seat) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.idle[s.kind] = append(o.idle[s.kind], s)
	}
	return !o.closed
}

// wait lets all users leave, and waits until they are gone.
func (o *open) wait() {
	o.mu.Lock()
	o.closed = true
	for kind, seats := range o.idle {
		dismiss(seats)
		o.idle[kind] = nil
	}
	o.mu.Unlock()
	o.all.Wait()
}

// tidy lets those leave who were idle all the window long: they stand at the bottom.
func (o *open) tidy(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.window) < idleWindow {
		return
	}
	o.window = now
	for kind, seats := range o.idle {
		spare := min(o.low[kind], len(seats))
		dismiss(seats[:spare])
		o.idle[kind] = append([]*seat(nil), seats[spare:]...)
		o.low[kind] = len(o.idle[kind])
	}
}

func dismiss(seats []*seat) {
	for _, s := range seats {
		close(s.work)
	}
}
