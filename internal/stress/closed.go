package stress

import (
	"context"
	"sync"
	"time"
)

// closed is the closed model: one goroutine per user, and as many users as the curve
// says. The users that started last stop first, so that the kinds of the others keep
// their shares.
type closed struct {
	r   *Run
	all sync.WaitGroup
	// here holds the function that stops each user. came counts all users ever started.
	here []context.CancelFunc
	came int
}

var _ model = (*closed)(nil)

func newClosed(r *Run) *closed { return &closed{r: r} }

// run starts and stops users as the plan says, until staying ends.
func (c *closed) run(ctx, staying context.Context) (users int) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for staying.Err() == nil {
		p, began := c.r.current()
		elapsed := time.Since(began)
		full := c.adjust(ctx, staying, int(whole(p.at(elapsed))))
		next, ok := p.next(elapsed)
		switch {
		case full:
			timer.Reset(restartPause)
		case ok:
			timer.Reset(time.Until(began.Add(next)))
		default:
			timer.Stop() // until something changes
		}
		select {
		case <-timer.C:
		case <-c.r.changed:
		case <-staying.Done():
		}
	}
	return len(c.here)
}

// adjust starts or stops users until there are want of them. It returns true if it
// cannot start all of them yet because too many stopping users are still busy.
func (c *closed) adjust(ctx, staying context.Context, want int) (full bool) {
	for len(c.here) > want {
		last := len(c.here) - 1
		c.here[last]()
		c.here = c.here[:last]
	}
	for len(c.here) < want && staying.Err() == nil {
		if c.r.users.Load() >= MaxUsers {
			return true
		}
		c.admit(ctx, staying)
	}
	return false
}

// admit starts one user. Its kind follows from its position among all users of all
// workers.
func (c *closed) admit(ctx, staying context.Context) {
	place := len(c.here)*c.r.options.Workers + c.r.options.Worker
	kind, n := c.r.spread.kind(place), c.came
	c.came++
	staying, leave := context.WithCancel(staying)
	c.here = append(c.here, leave)
	c.r.users.Add(1)
	c.all.Go(func() {
		defer c.r.users.Add(-1)
		defer leave()
		m := c.r.join(ctx, kind, n)
		defer m.leave(ctx)
		m.live(ctx, staying)
	})
}

// wait waits until all users have stopped. The end of staying stops them.
func (c *closed) wait() { c.all.Wait() }

func (*closed) tidy(time.Time) {}

// live is the life of a user in the closed model, until staying ends. The end of
// staying cuts off only the user's start: a task under way continues.
func (m *member) live(ctx, staying context.Context) {
	var timer *time.Timer
	// pause waits until a moment, and reports whether the user should continue.
	pause := func(until time.Time) bool {
		if d := time.Until(until); d > 0 && staying.Err() == nil {
			m.user.conn.Release()
			if timer == nil {
				timer = time.NewTimer(d)
			} else {
				timer.Reset(d)
			}
			select {
			case <-timer.C:
			case <-staying.Done():
				timer.Stop()
			}
		}
		return staying.Err() == nil
	}

	for !m.start(staying) {
		if !pause(m.again(time.Now())) {
			return
		}
	}
	due, late := time.Now(), false
	for staying.Err() == nil {
		from := time.Time{}
		if late {
			from = due
		}
		m.user.run.inFlight.Add(1)
		fine := m.act(ctx, from)
		m.user.run.inFlight.Add(-1)
		due, late = m.next(due, fine)
		if !pause(due) {
			return
		}
	}
}

// next returns when the next task is due, given when the last one was due and whether
// it completed. If late is set, the next response time counts from that moment.
func (m *member) next(due time.Time, fine bool) (next time.Time, late bool) {
	now := time.Now()
	switch {
	case m.weights == 0, m.wait == nil && !fine:
		return now.Add(restartPause), false
	case m.wait == nil:
		return now, false
	default:
		return m.wait(m.user.Rand, due, now)
	}
}

// again returns when a user that failed to start tries again.
func (m *member) again(now time.Time) time.Time {
	next := now.Add(restartPause)
	if m.wait != nil {
		if t, _ := m.wait(m.user.Rand, now, now); t.After(next) {
			return t
		}
	}
	return next
}
