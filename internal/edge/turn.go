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
	// maxRunnable is how many goroutines can wait for each processor. Beyond that, further
	// requests do not begin. An urgent request waits behind these goroutines, which takes
	// a few milliseconds.
	maxRunnable = 128
	// endsPerLook is how many requests end between two checks of the load, so that the
	// processors do not run out of work before turnInterval is over.
	endsPerLook = 32
	// turnInterval is the longest time between two checks of the load.
	turnInterval = time.Millisecond
	// leastTurns is the minimum number of waiting requests that begin every turnInterval,
	// however busy the processors are.
	leastTurns = 4
)

// turns makes requests wait before they begin while many goroutines wait for a
// processor. The scheduler runs goroutines in the order in which they became ready.
// Under load, a probe or a scrape would wait behind the work of thousands of requests,
// several times over.
type turns struct {
	urgent   map[string]bool
	runnable func() int

	// budget is how many requests can begin before the load is checked again.
	budget atomic.Int64

	// anyWaits is set while a request waits; ended counts the requests that ended.
	anyWaits atomic.Bool
	ended    atomic.Int64

	mu    sync.Mutex
	wait  []*Conn // waiting connections in order of arrival
	timed bool    // whether give runs
}

// Pace makes requests wait for their turn while many goroutines wait for a processor.
// GET and HEAD requests for the urgent paths do not wait, so that they are answered in
// time. Without Pace no request waits. It must be called before a server uses the
// listener.
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
			return 0 // this runtime does not count them
		}
		return int(sample[0].Value.Uint64()) //nolint:gosec // G115: so many goroutines do not fit into memory
	}
}

// awaitTurn waits until it is the turn of the request that starts with head.
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

// isUrgent reports whether the request that starts with head is for an urgent path.
func (t *turns) isUrgent(head []byte) bool {
	method, rest, _ := bytes.Cut(head, []byte(" "))
	if m := string(method); m != "GET" && m != "HEAD" {
		return false
	}
	path := rest[:max(bytes.IndexAny(rest, " ?"), 0)]
	return t.urgent[string(path)]
}

// enqueue adds a connection to the waiting ones if it must wait, and reports whether it
// must.
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

// end records the end of a request.
func (t *turns) end() {
	if t.anyWaits.Load() && t.ended.Add(1)%endsPerLook == 0 {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.giveSome(0)
	}
}

// room returns how many requests can begin now. The caller holds the lock.
func (t *turns) room() int {
	return maxRunnable*runtime.GOMAXPROCS(0) - t.runnable()
}

// give gives turns until no connection waits. A timer wakes it, and the scheduler runs a
// goroutine woken by a timer before other runnable goroutines.
func (t *turns) give() {
	look := time.NewTicker(turnInterval)
	defer look.Stop()
	for range look.C {
		if !t.giving() {
			return
		}
	}
}

// giving gives turns once, and reports whether connections still wait.
func (t *turns) giving() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.giveSome(leastTurns)
	t.timed = len(t.wait) > 0
	return t.timed
}

// giveSome gives as many turns as there is room for, but at least the given number. The
// caller holds the lock.
func (t *turns) giveSome(least int) {
	n := min(max(t.room(), least), len(t.wait))
	for i, c := range t.wait[:n] {
		c.turn <- struct{}{} // does not block: a waiting connection has no turn yet
		t.wait[i] = nil
	}
	t.wait = t.wait[n:]
	t.anyWaits.Store(len(t.wait) > 0)
}
