package stress

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// idleWindow is how long idle users stay, with their connections, for the next
	// peak.
	idleWindow = 30 * time.Second
	// countEvery is the number of arrivals after which a busy dispatcher updates the
	// statistics.
	countEvery = 1000
)

// open is the open model: a dispatcher gives each task that is due to an idle user,
// however long earlier tasks take.
type open struct {
	r       *Run
	all     sync.WaitGroup
	sleeper sleeper

	// The dispatcher's own state: target is the area of the curve at which the next
	// task is due. due and notSent are the tasks that the statistics do not have yet.
	target       float64
	arrivals     int
	due, notSent int64
	random       *rand.Rand

	mu sync.Mutex
	// idle has the idle users by kind. The user that became idle last gets the next
	// task, so that superfluous users stay idle.
	idle [][]*seat
	// low is the smallest number of idle users since the window began.
	low    []int
	window time.Time
	came   int
	closed bool
}

var _ model = (*open)(nil)

// seat is a user of the open model. It receives the due moment of its next task; when
// the channel is closed, it stops.
type seat struct {
	kind int
	work chan time.Time
}

func newOpen(r *Run) *open {
	o := &open{
		r: r, idle: make([][]*seat, len(r.spread.kinds)), low: make([]int, len(r.spread.kinds)), window: time.Now(),
		// The seeds of users count up from 0, those of dispatchers count down from the
		// end.
		random: rand.New(rand.NewPCG(r.options.Seed, math.MaxUint64-uint64(r.options.Worker))), //nolint:gosec // G115: counted from 0
	}
	if r.options.Load.Arrivals == Poisson {
		o.target = o.random.ExpFloat64()
	} else {
		// The arrivals of the workers interleave evenly.
		o.target = float64(r.options.Worker) / float64(r.options.Workers)
	}
	return o
}

// run dispatches tasks until staying ends. A task that was due before that is
// dispatched, or counted as not sent, however late it is.
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

// sleep waits until a task is due or the plan may have changed.
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

// send gives a task that is due to an idle user.
func (o *open) send(ctx context.Context, due time.Time) {
	// The kinds take turns over all workers, like the users of the closed model.
	kind := o.r.spread.kind(o.arrivals*o.r.options.Workers + o.r.options.Worker)
	o.arrivals++
	o.due++
	if o.r.options.Load.Arrivals == Poisson {
		o.target += o.random.ExpFloat64()
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

// count adds the tasks that were due since its last call to the statistics.
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

// live is the life of a user in the open model: it performs the tasks that it is given.
func (o *open) live(ctx context.Context, s *seat, n int) {
	due, ok := <-s.work
	if !ok {
		return
	}
	o.r.self.sent(due)
	m := o.r.join(ctx, s.kind, n)
	defer m.leave(ctx)
	for {
		// Starting is part of the first task: a real user waits for it as well.
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

// free makes a user idle, and returns false if the user must stop.
func (o *open) free(s *seat) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.idle[s.kind] = append(o.idle[s.kind], s)
	}
	return !o.closed
}

// wait stops all users, and waits until they have stopped.
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

// tidy stops the users that were idle during the whole window: those at the bottom of
// the stack.
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
