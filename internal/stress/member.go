package stress

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// leaveLimit bounds what a user tidies up when it leaves. A target that is
	// away must not keep the run from ending.
	leaveLimit = 2 * time.Second
	// restartPause is the least that a user waits before it starts anew after
	// it could not: a target that is down is not hammered with logins.
	restartPause = time.Second
)

// member is a user who is there, and what the engine knows of it.
type member struct {
	user User
	wait Wait
	part Part
	// weights is the sum of those of the part's tasks.
	weights int
	started bool
}

// join makes a user of a kind; n counts this worker's from 0.
func (r *Run) join(kind, n int) *member {
	index := n*r.options.Workers + r.options.Worker
	m := &member{user: User{
		Index: index, run: r, conn: r.options.Connect(),
		Dice: rand.New(rand.NewPCG(r.options.Seed, uint64(index))), //nolint:gosec // G115: counted from 0
	}}
	k := &r.spread.kinds[kind]
	m.wait, m.part = k.Wait, k.Join(&m.user)
	for _, t := range m.part.Tasks {
		m.weights += max(t.Weight, 1)
	}
	return m
}

// start gets the user ready for its tasks, and reports whether it is.
func (m *member) start(ctx context.Context) bool {
	if m.started || m.part.Start == nil {
		m.started = true
		return true
	}
	if err := m.part.Start(ctx); err != nil {
		if ctx.Err() == nil {
			r := m.user.run
			r.startFailed.Do(func() { r.log.WarnContext(ctx, "users cannot start", "user", m.user.Index, "err", err) })
		}
		return false
	}
	m.started = true
	return true
}

// act does one task. Its first call is measured from the due moment, unless that is zero.
func (m *member) act(ctx context.Context, due time.Time) {
	m.user.due = due
	m.pick().Do(ctx)
	m.user.due = time.Time{}
}

// pick chooses a task by the user's dice.
func (m *member) pick() *Task {
	if m.weights == 0 {
		return &Task{Do: func(context.Context) {}}
	}
	n := m.user.Dice.IntN(m.weights)
	tasks := m.part.Tasks
	for i := range tasks {
		if n -= max(tasks[i].Weight, 1); n < 0 {
			return &tasks[i]
		}
	}
	return &tasks[len(tasks)-1]
}

// leave tidies up. It has a little time for it even when the run has none.
func (m *member) leave(ctx context.Context) {
	if m.started && m.part.Stop != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
		defer cancel()
		m.part.Stop(ctx)
	}
	m.user.conn.Close()
}
