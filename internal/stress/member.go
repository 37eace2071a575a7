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
	// leaveLimit limits the time in which a user cleans up when it stops. An
	// unreachable target must not delay the end of the run.
	leaveLimit = 2 * time.Second
	// restartPause is the minimum wait of a user that failed to start, so that a target
	// that is down does not get a flood of logins. A user without a wait also waits
	// this long after a task that panicked or had no connection: tens of thousands of
	// refused connections a second are not a load.
	restartPause = time.Second
	// maxDetail is the length of the recorded part of a panic, in bytes.
	maxDetail = 200
)

// member is a running user, with the engine's own state.
type member struct {
	user User
	// kind is the name of the user's kind.
	kind string
	wait Wait
	part Part
	// weights is the sum of the weights of the tasks.
	weights int
	started bool
}

// join returns a new user of a kind. n counts this worker's users from 0.
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

// start starts the user, and reports whether it is ready for tasks.
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

// act performs one task, and reports whether it completed and had a connection. The
// first call's response time counts from due, unless due is zero.
func (m *member) act(ctx context.Context, due time.Time) bool {
	m.user.due, m.user.unconnected = due, false
	fine := m.safely(ctx, m.pick().Do)
	m.user.due = time.Time{}
	return fine && !m.user.unconnected
}

// safely calls a function of the scenario, and returns false if it panics. A panic is a
// failure of this user and must not stop the others.
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

// panicked counts a panic under the name of the user's kind, and logs the first one.
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
	// An answer that was read only in part must not be taken for the next one.
	m.user.conn.Close()
}

// brief returns the first line of a value without addresses, so that equal panics have
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

// pick picks a task at random.
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

// leave stops the user. It has 2 s to clean up, even if the run has no time left.
func (m *member) leave(ctx context.Context) {
	if m.started && m.part.Stop != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
		defer cancel()
		m.safely(ctx, m.part.Stop)
	}
	m.user.conn.Close()
}
