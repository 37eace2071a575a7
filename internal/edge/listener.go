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

// Listener accepts clients up to a limit, and a few more into a reserve. It is safe for
// concurrent use.
type Listener struct {
	net.Listener

	limit int
	log   *slog.Logger
	shed  *prometheus.CounterVec
	turns *turns // nil if requests do not wait for their turn
	// freed wakes Accept when a place can have become free.
	freed   chan struct{}
	closing sync.Once
	closed  chan struct{}

	mu sync.Mutex
	// fresh, idle and active are the connections with a place. Fresh ones have not sent a
	// request, idle ones are between two requests, active ones have a request in flight.
	fresh, idle, active queue
	// waiting, ordinary and admitted are the connections in reserve. The request of a
	// waiting one is not read yet, that of an ordinary one is not urgent, and that of an
	// admitted one is urgent.
	waiting, ordinary, admitted queue
	wanted                      int       // number of requests that wait for a place
	looked                      time.Time // time of the last search through active connections
	logged                      time.Time // time of the last log message about shedding
	unlogged                    map[string]int
}

// NewListener returns a listener that accepts connections from l up to the limit, and
// [Reserve] more. It logs the number of shed connections, at most once a minute.
// [Listener.Attach] must be called before a server uses it.
func NewListener(l net.Listener, limit int, log *slog.Logger) *Listener {
	return &Listener{
		Listener: l, limit: limit, log: log.With("component", "http"), shed: newShed(),
		freed: make(chan struct{}, 1), closed: make(chan struct{}), unlogged: make(map[string]int),
	}
}

// Attach sets the server's hooks ConnState and ConnContext, so that the listener can
// follow its connections.
func (l *Listener) Attach(s *http.Server) {
	s.ConnState = l.track
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// Accept waits for a client, and then until a place or a part of the reserve is free for
// it.
func (l *Listener) Accept() (net.Conn, error) {
	below, err := l.Listener.Accept()
	for errors.Is(err, syscall.EMFILE) && l.shedOne() {
		// The limit of open files can be lower than the limit of connections.
		below, err = l.Listener.Accept()
	}
	if err != nil {
		return nil, err
	}
	if tcp, ok := below.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // a broken connection fails later anyway
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

// Close stops accepting, even while Accept waits for a place. A second call returns
// net.ErrClosed.
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

// track is the server's hook for changes of a connection's state.
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
		// The connection was shed when its request had just been read. The request must
		// not be served, because nobody would get the answer.
		panic(http.ErrAbortHandler)
	case c.queue == nil || c.spare.Load():
	case state == http.StateActive:
		c.moveTo(&l.active)
	case l.wanted > 0 && l.taken() >= l.limit:
		// Its next request can have arrived already, but other clients must get a turn.
		l.drop(c, reasonIdle)
	default:
		c.moveTo(&l.idle)
	}
}

// finish records that nothing more is written to a connection, so that its place can be
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

// leave releases the place of a closed connection. Later calls do nothing. The place goes
// to the oldest admitted connection in reserve, because that can be an event stream that
// lasts for hours.
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

// release removes a connection from its queue. The caller holds the lock.
func (l *Listener) release(c *Conn) {
	c.queue.remove(c)
	if c.expiry != nil {
		c.expiry.Stop()
	}
	select {
	case l.freed <- struct{}{}:
	default: // Accept is already notified
	}
}
