package stress

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"onsale/internal/stress/stats"
)

const (
	// leaveLimit bounds what a user tidies up when it leaves. A target that is
	// away must not keep the run from ending.
	leaveLimit = 2 * time.Second
	// restartPause is the least that a user waits before it starts anew after
	// it could not: a target that is down is not hammered with logins. It is also what a
	// user without a wait waits after a task that panicked or had no connection: tens of
	// thousands of refusals a second are no load, and no requests either.
	restartPause = time.Second
	// maxDetail is how much is told of a panic, in bytes: a line.
	maxDetail = 200
)

// member is a user who is there, and what the engine knows of it.
type member struct {
	user User
	// kind names the kind of users that it is one of.
	kind string
	wait Wait
	part Part
	// weights is the sum of those of the part's tasks.
	weights int
	started bool
}

// join makes a user of a kind; n counts this worker's from 0.
func (r *Run) join(ctx context.Context, kind, n int) *member {
	index := n*r.options.Workers + r.options.Worker
	m := &member{user: User{
		Index: index, run: r, conn: r.options.Connect(),
		Rand: rand.New(rand.NewPCG(r.options.Seed, uint64(index))), //nolint:gosec // G115: counted from 0
	}}
	k := &r.spread.kinds[kind]
	m.kind, m.wait = k.Name, k.Wait
	m.safely(ctx, func(context.Context) { m.part = k.Join(&m.user) })
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
	var err error
	m.started = m.safely(ctx, func(ctx context.Context) { err = m.part.Start(ctx) }) && err == nil
	if err != nil && ctx.Err() == nil {
		r := m.user.run
		r.startFailed.Do(func() { r.log.WarnContext(ctx, "users cannot start", "user", m.user.Index, "err", err) })
	}
	return m.started
}

// act does one task, and reports whether it came to its end and had a connection. Its first call is measured
// from the due moment, unless that is zero.
func (m *member) act(ctx context.Context, due time.Time) bool {
	m.user.due, m.user.unconnected = due, false
	fine := m.safely(ctx, m.pick().Do)
	m.user.due = time.Time{}
	return fine && !m.user.unconnected
}

// safely does something that is the scenario's own. If it panics, false is returned: that is a
// failure of this user, and no reason for all the others to end.
func (m *member) safely(ctx context.Context, do func(context.Context)) (fine bool) {
	began := time.Now()
	defer func() {
		if value := recover(); value != nil {
			m.panicked(ctx, began, value)
		}
	}()
	do(ctx)
	return true
}

// panicked counts a panic, under the name of the kind of users, and logs the first one.
func (m *member) panicked(ctx context.Context, began time.Time, value any) {
	detail := "panic: " + brief(value)
	r := m.user.run
	r.panicked.Do(func() {
		r.log.ErrorContext(ctx, "a task panicked", "users", m.kind, "user", m.user.Index, "err", detail, "stack", string(debug.Stack()))
	})
	now := time.Now()
	m.user.record(m.user.due, r.options.Stats.Entry("", m.kind), stats.Sample{
		Service: now.Sub(began), Outcome: stats.Outcome{Class: stats.Failed, Kind: stats.KindTask, Detail: detail}, At: now,
	})
	// What it left half read must not be taken for the next answer.
	m.user.conn.Close()
}

// brief returns the first line of a value, without addresses, so that equal panics have
// equal details.
func brief(value any) string {
	text, _, _ := strings.Cut(fmt.Sprint(value), "\n")
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "0x")
		b.WriteString(before)
		if !found {
			break
		}
		b.WriteString("0x…")
		text = strings.TrimLeft(after, "0123456789abcdefABCDEF")
	}
	text = b.String()
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}

// pick chooses a task by the user's dice.
func (m *member) pick() *Task {
	if m.weights == 0 {
		return &Task{Do: func(context.Context) {}}
	}
	n := m.user.Rand.IntN(m.weights)
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
		m.safely(ctx, m.part.Stop)
	}
	m.user.conn.Close()
}
