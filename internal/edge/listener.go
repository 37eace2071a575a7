package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Listener accepts clients up to a limit, and some beyond it into a reserve. It
// is safe for concurrent use.
type Listener struct {
	net.Listener

	limit int
	log   *slog.Logger
	shed  *prometheus.CounterVec
	turns *turns // nil if requests do not wait for their turn
	// freed wakes Accept when a place may have become free.
	freed   chan struct{}
	closing sync.Once
	closed  chan struct{}

	mu sync.Mutex
	// fresh, idle and active have the connections with a place: those that have not
	// sent a request, those between two requests, and those with one under way.
	fresh, idle, active queue
	// waiting, ordinary and admitted have those in reserve: before their request was
	// read, and after it was found not to be, or to be, a probe's or an admin's.
	waiting, ordinary, admitted queue
	wanted                      int       // how many requests wait for a place
	looked                      time.Time // when all active ones were last looked at
	logged                      time.Time // when shedding was last logged
	unlogged                    map[string]int
}

// NewListener limits the connections that a listener accepts. It logs how many were
// shed, once a minute at most. [Listener.Attach] must be called before a server uses
// it.
func NewListener(l net.Listener, limit int, log *slog.Logger) *Listener {
	return &Listener{
		Listener: l, limit: limit, log: log.With("component", "http"), shed: newShed(),
		freed: make(chan struct{}, 1), closed: make(chan struct{}), unlogged: make(map[string]int),
	}
}

// Attach makes a server tell the listener what its connections do.
func (l *Listener) Attach(s *http.Server) {
	s.ConnState = l.track
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
}

// connKey is the context's key of a request's connection.
type connKey struct{}

// Accept waits for a client, and then until it has a place or a part of the
// reserve.
func (l *Listener) Accept() (net.Conn, error) {
	below, err := l.Listener.Accept()
	for errors.Is(err, syscall.EMFILE) && l.shedOne() {
		// The process may open fewer files than there are places.
		below, err = l.Listener.Accept()
	}
	if err != nil {
		return nil, err
	}
	if tcp, ok := below.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // a connection that is broken already fails later
	}
	c := &Conn{Conn: below, listener: l}
	if l.seat(c) {
		return c, nil
	}
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for !l.seat(c) {
		select {
		case <-l.freed:
		case <-look.C:
		case <-l.closed:
			_ = below.Close()
			return nil, net.ErrClosed
		}
	}
	return c, nil
}

// Close stops accepting, also while Accept waits for a place. A second call does
// nothing.
func (l *Listener) Close() error {
	err := net.ErrClosed
	l.closing.Do(func() {
		close(l.closed)
		err = l.Listener.Close()
	})
	return err
}

// seat gives a new connection a place or a part of the reserve, and reports
// whether there was one.
func (l *Listener) seat(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.taken() < l.limit:
		l.fresh.push(c)
	case l.reserved() < Reserve || l.clearReserve():
		c.spare.Store(true)
		c.expiry = time.AfterFunc(reserveTimeout, func() { l.expire(c) })
		l.waiting.push(c)
	default:
		return false
	}
	return true
}

// taken returns how many connections have a place. The caller holds the lock.
func (l *Listener) taken() int { return l.fresh.length + l.idle.length + l.active.length }

// reserved returns how many connections are in reserve. The caller holds the lock.
func (l *Listener) reserved() int { return l.waiting.length + l.ordinary.length + l.admitted.length }

// track follows what a server does with a connection.
func (l *Listener) track(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*Conn)
	if !ok || state != http.StateActive && state != http.StateIdle {
		return
	}
	if state == http.StateIdle {
		c.begun, c.waited = false, 0
		c.awaits.Store(false)
		if l.turns != nil {
			l.turns.end()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.queue == nil && state == http.StateActive:
		// The connection was shed when its request had just been read. The request
		// must not be served, since nobody would get the answer.
		panic(http.ErrAbortHandler)
	case c.queue == nil || c.spare.Load():
	case state == http.StateActive:
		c.moveTo(&l.active)
	case l.wanted > 0 && l.taken() >= l.limit:
		// Its next request may have come already: it must not always be the first.
		l.drop(c, reasonIdle)
	default:
		c.moveTo(&l.idle)
	}
}

// finish notes that a connection has nothing more to say, so that its place may be
// taken.
func (l *Listener) finish(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.queue == nil:
	case c.spare.Load():
		c.moveTo(&l.waiting)
	default:
		c.moveTo(&l.idle)
	}
}

// moveTo moves the connection from its queue to the back of another.
func (c *Conn) moveTo(q *queue) {
	c.queue.remove(c)
	q.push(c)
}

// leave gives back the place of a connection that is closed; only the first call
// does. The place goes to the oldest admitted connection of the reserve, as an
// event stream may stay there for hours.
func (l *Listener) leave(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.queue == nil {
		return
	}
	l.release(c)
	if next := l.admitted.front; next != nil && l.taken() < l.limit {
		next.spare.Store(false)
		next.moveTo(&l.active)
	}
}

// release takes a connection out of its queue. The caller holds the lock.
func (l *Listener) release(c *Conn) {
	c.queue.remove(c)
	if c.expiry != nil {
		c.expiry.Stop()
	}
	select {
	case l.freed <- struct{}{}:
	default: // Accept is about to look anyway
	}
}
