package edge

import (
	"bytes"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxRunnable is how many goroutines may wait for each processor before further
	// requests do not begin. An urgent request waits behind them, a few milliseconds.
	maxRunnable = 128
	// endsPerLook is how many requests end between two looks, so that processors do
	// not run out of work before turnInterval is over.
	endsPerLook = 32
	// turnInterval is the time between two looks at how many goroutines wait.
	turnInterval = time.Millisecond
	// leastTurns is how many requests begin at each look, whatever else the
	// processors have to do.
	leastTurns = 4
)

// turns makes requests wait before they begin while many goroutines wait for a
// processor. The scheduler runs goroutines in the order in which they became ready.
// In a storm, a probe or a scrape would stand behind the work of thousands of
// requests, several times over.
type turns struct {
	urgent   map[string]bool
	runnable func() int

	// budget is how many requests may begin before the next look.
	budget atomic.Int64

	// anyWaits says whether a request waits, and ended counts those that ended.
	anyWaits atomic.Bool
	ended    atomic.Int64

	mu    sync.Mutex
	wait  []*Conn // those that wait, in the order of arrival
	timed bool    // give runs
}

// Pace makes requests wait for their turn while many goroutines wait for a
// processor. Requests for the urgent paths do not wait, so that they are answered
// in time. Without Pace no request waits. It must be called before a server uses
// the listener.
func (l *Listener) Pace(urgent []string) { l.pace(urgent, runnable()) }

func (l *Listener) pace(urgent []string, runnable func() int) {
	l.turns = &turns{urgent: make(map[string]bool), runnable: runnable}
	for _, path := range urgent {
		l.turns.urgent[path] = true
	}
}

// runnable returns a function that counts the goroutines that wait for a processor.
// It is not safe for concurrent use.
func runnable() func() int {
	sample := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	return func() int {
		metrics.Read(sample)
		if sample[0].Value.Kind() != metrics.KindUint64 {
			return 0 // a runtime that does not count them
		}
		return int(sample[0].Value.Uint64()) //nolint:gosec // G115: as many goroutines do not fit into memory
	}
}

// awaitTurn waits until the request that begins with head may begin.
func (c *Conn) awaitTurn(head []byte) {
	t := c.listener.turns
	if t == nil || c.spare.Load() || t.isUrgent(head) || t.budget.Add(-1) >= 0 {
		return
	}
	began := time.Now()
	if t.enqueue(c) {
		<-c.turn
		c.waited = time.Since(began)
	}
}

// isUrgent reports whether a request that begins with head is for an urgent path.
func (t *turns) isUrgent(head []byte) bool {
	method, rest, _ := bytes.Cut(head, []byte(" "))
	if m := string(method); m != "GET" && m != "HEAD" {
		return false
	}
	path := rest[:max(bytes.IndexAny(rest, " ?"), 0)]
	return t.urgent[string(path)]
}

// enqueue makes a connection wait, and reports whether it must.
func (t *turns) enqueue(c *Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.wait) == 0 {
		if room := t.room(); room >= maxRunnable/2 {
			t.budget.Store(int64(room - 1))
			return false
		}
		if !t.timed {
			t.timed = true
			go t.give()
		}
	}
	if c.turn == nil {
		c.turn = make(chan struct{}, 1)
	}
	t.wait = append(t.wait, c)
	c.awaits.Store(true)
	t.anyWaits.Store(true)
	return true
}

// end notes the end of a request.
func (t *turns) end() {
	if t.anyWaits.Load() && t.ended.Add(1)%endsPerLook == 0 {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.giveSome(0)
	}
}

// room returns how many requests may begin now. The caller holds the lock.
func (t *turns) room() int {
	return maxRunnable*runtime.GOMAXPROCS(0) - t.runnable()
}

// give gives turns until no connection waits. A timer wakes it, and the scheduler
// runs those that a timer wakes before those that wait in line.
func (t *turns) give() {
	look := time.NewTicker(turnInterval)
	defer look.Stop()
	for range look.C {
		if !t.giving() {
			return
		}
	}
}

// giving gives turns, and reports whether connections are left that wait.
func (t *turns) giving() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.giveSome(leastTurns)
	t.timed = len(t.wait) > 0
	return t.timed
}

// giveSome gives as many turns as there is room for, and the least number in any
// case. The caller holds the lock.
func (t *turns) giveSome(least int) {
	n := min(max(t.room(), least), len(t.wait))
	for i, c := range t.wait[:n] {
		c.turn <- struct{}{} // has room: a connection that waits was given none
		t.wait[i] = nil
	}
	t.wait = t.wait[n:]
	t.anyWaits.Store(len(t.wait) > 0)
}
