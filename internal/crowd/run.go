package crowd

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// minPause and maxPause bound what a user waits between two tasks; the wait
	// is uniform between them.
	minPause = time.Second
	maxPause = 3 * time.Second
	// leaveLimit bounds what a user tidies up when it leaves. A server that is
	// being stopped, or is away, must not keep the crowd from stopping.
	leaveLimit = 2 * time.Second
)

// visitor is what one user does.
type visitor interface {
	// act does one task, and ends with its context.
	act(ctx context.Context)
	// leave tidies up what the user would leave behind.
	leave(ctx context.Context)
}

// Run runs the crowd until the context ends and all users are gone, and then
// returns nil. Calls in flight are cut off then. It must not run twice at a time.
func (c *Crowd) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { c.keep(ctx) })

	l := loop{crowd: c, all: &all}
	for ctx.Err() == nil {
		l.adjust(ctx, c.current())
		select {
		case <-c.changed:
		case <-ctx.Done():
		}
	}
	l.dismiss(0)
	return nil
}

// loop is what Run remembers from one change to the next.
type loop struct {
	crowd *Crowd
	all   *sync.WaitGroup
	// scenario is what the users play who are here, and here tells each to leave.
	scenario string
	here     []context.CancelFunc
	// came counts all users that ever were: each has dice of its own.
	came uint64
}

// adjust makes the users those that the settings ask for. While some take their
// time to leave, only as many come as there is room for; whoever leaves wakes
// the loop.
func (l *loop) adjust(ctx context.Context, want Settings) {
	if want.Scenario != l.scenario {
		l.dismiss(0)
		l.scenario = want.Scenario
	}
	l.dismiss(want.Users)
	for len(l.here) < want.Users && int(l.crowd.running.Load()) < MaxUsers {
		l.admit(ctx)
	}
}

// dismiss tells users to leave until so many are left.
func (l *loop) dismiss(left int) {
	for len(l.here) > left {
		last := len(l.here) - 1
		l.here[last]()
		l.here = l.here[:last]
	}
}

// admit lets one user come.
func (l *loop) admit(ctx context.Context) {
	dice := rand.New(rand.NewPCG(l.crowd.seed, l.came))
	l.came++
	v := l.crowd.newVisitor(l.scenario, len(l.here), dice)
	staying, dismiss := context.WithCancel(ctx)
	l.here = append(l.here, dismiss)
	l.crowd.running.Add(1)
	l.all.Go(func() {
		defer l.crowd.wake()
		defer l.crowd.running.Add(-1)
		defer dismiss()
		visit(ctx, staying, v, dice)
	})
}

// visit is the life of one user: tasks with pauses between them, until it is to
// leave. A task is cut off by the end of the whole crowd alone. The first pause
// is there so that users who come together do not all knock at once.
func visit(ctx, staying context.Context, v visitor, dice *rand.Rand) {
	for pause := upTo(dice, maxPause); wait(staying, pause); pause = minPause + upTo(dice, maxPause-minPause) {
		v.act(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	v.leave(ctx)
}

// upTo dices a time between 0 and the limit, uniformly.
func upTo(dice *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(dice.Int64N(int64(limit) + 1))
}

// wait waits, and reports whether it did so to the end.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
