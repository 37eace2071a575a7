package edge

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// newShed returns the counter of shed connections. All its series exist from the start.
func newShed() *prometheus.CounterVec {
	shed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "onsale_connections_shed_total",
		Help: "Connections that the server closed because their clients held them without using them.",
	}, []string{"reason"})
	for _, reason := range []string{reasonIdle, reasonNew, reasonSlow, reasonStalled, reasonReserve} {
		shed.WithLabelValues(reason)
	}
	return shed
}

// Metrics returns the listener's metrics, for a registry.
func (l *Listener) Metrics() prometheus.Collector { return l.shed }

// clearPlace closes a connection that does not use its place, and reports whether there
// was one. The caller holds the lock.
func (l *Listener) clearPlace() bool {
	if l.dropSlow() {
		return true
	}
	if c := l.oldest(&l.idle); c != nil {
		l.drop(c, reasonIdle)
		return true
	}
	if c := l.oldest(&l.fresh); c != nil && time.Since(c.since) >= newPatience {
		l.drop(c, reasonNew)
		return true
	}
	return false
}

// oldest returns the oldest connection of the queue fresh or idle, or nil. Before that it
// moves connections whose request waits for its turn to active. The caller holds the lock.
func (l *Listener) oldest(q *queue) *Conn {
	for q.front != nil && q.front.awaits.Load() {
		q.front.moveTo(&l.active)
	}
	return q.front
}

// shedOne closes a connection that is unused or new, and reports whether there was one.
func (l *Listener) shedOne() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clearPlace() {
		return true
	}
	if c := l.oldest(&l.fresh); c != nil {
		l.drop(c, reasonNew)
		return true
	}
	return false
}

// dropSlow closes all active connections whose clients have not read or sent for longer
// than patience, and reports whether there were any. The caller holds the lock.
func (l *Listener) dropSlow() bool {
	now := time.Now()
	if now.Sub(l.looked) < lookInterval {
		return false
	}
	l.looked = now
	before := l.active.length
	for c := l.active.front; c != nil && now.Sub(c.since) >= patience; {
		next := c.next
		if c.receiving.Load() || c.blockedFor(now) >= patience {
			l.drop(c, reasonSlow)
		}
		c = next
	}
	return l.active.length < before
}

// clearReserve closes a connection in reserve, and reports whether there was one. It
// closes the oldest whose request is not urgent, else the oldest whose request is not
// read yet, which can be a probe's. Else it closes an admitted one whose client does not
// read or send, else the one that was admitted first. The caller holds the lock.
func (l *Listener) clearReserve() bool {
	now := time.Now()
	for _, q := range []*queue{&l.ordinary, &l.waiting} {
		if q.front != nil {
			l.drop(q.front, reasonReserve)
			return true
		}
	}
	for c := l.admitted.front; c != nil; c = c.next {
		if c.blockedFor(now) >= reserveBlocked || c.receiving.Load() && now.Sub(c.since) >= reserveBlocked {
			l.drop(c, reasonReserve)
			return true
		}
	}
	if c := l.admitted.front; c != nil && now.Sub(c.since) >= reserveTimeout {
		l.drop(c, reasonReserve)
		return true
	}
	return false
}

// expire closes a connection that has been in reserve for too long.
func (l *Listener) expire(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.queue == &l.waiting || c.queue == &l.ordinary {
		l.drop(c, reasonReserve)
	}
}

// drop closes a connection and releases its place. The caller holds the lock.
func (l *Listener) drop(c *Conn, reason string) {
	l.release(c)
	if c.blocked.Load() != 0 {
		c.linger()
	}
	_ = c.Conn.Close() // an error means that the client has left
	l.note(reason)
}

// count counts a shed connection, and takes the lock.
func (l *Listener) count(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(reason)
}

// note counts a shed connection, and logs the counts at most every logInterval. The
// caller holds the lock.
func (l *Listener) note(reason string) {
	l.shed.WithLabelValues(reason).Inc()
	l.unlogged[reason]++
	now := time.Now()
	if now.Sub(l.logged) < logInterval {
		return
	}
	l.logged = now
	var counts []any
	for reason, n := range l.unlogged {
		counts = append(counts, slog.Int(reason, n))
	}
	clear(l.unlogged)
	go l.log.Warn("connections were closed because their clients held them without using them", counts...)
}
