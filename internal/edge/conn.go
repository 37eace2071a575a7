package edge

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection of a [Listener]. Each part of an answer has a write
// deadline of its own, which moves with the client's progress; the deadline that
// the server sets bounds all of them together.
type Conn struct {
	net.Conn

	listener *Listener
	// spare says that the connection is one of the reserve.
	spare atomic.Bool
	// blocked is when the write that is under way began, in Unix nanoseconds; 0 for none.
	blocked atomic.Int64
	// receiving says that the server waits for what the client sends.
	receiving atomic.Bool

	// begun says that a part of a request was read, and waited how long the request
	// waited for its turn. The goroutine that serves the connection alone uses them.
	begun  bool
	waited time.Duration
	turn   chan struct{} // gets an element when it is the request's turn
	// awaits says that a request that was read waits for its turn or has it.
	awaits atomic.Bool

	deadlines sync.Mutex
	limit     time.Time // what the server set for writes; zero for none
	armed     time.Time // what the connection below has; zero for none

	// The rest is guarded by the listener's lock.

	queue      *queue // nil once the connection has no place any more
	prev, next *Conn
	since      time.Time   // when it came into its queue
	expiry     *time.Timer // of one in reserve
}

// NetConn returns the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Close closes the connection and gives its place back.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.listener.leave(c)
	return err
}

// CloseWrite tells the client that nothing more follows, where the connection
// below can. The server then waits for the client to hang up, which is no use of
// a place.
func (c *Conn) CloseWrite() error {
	c.listener.finish(c)
	if below, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return below.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Read reads what the client sends. The beginning of a request is returned when it
// is the request's turn.
func (c *Conn) Read(p []byte) (int, error) {
	// While a handler runs, net/http reads a single byte to learn whether the client
	// hangs up. Nobody waits for that one.
	if len(p) == 1 {
		return c.Conn.Read(p)
	}
	c.receiving.Store(true)
	n, err := c.Conn.Read(p)
	c.receiving.Store(false)
	if n > 0 && !c.begun {
		c.begun = true
		c.awaitTurn(p[:n])
	}
	return n, err
}

// Write writes in chunks, each of which the client must take within writeStall.
func (c *Conn) Write(p []byte) (int, error) {
	defer c.blocked.Store(0)
	for written := 0; ; {
		now := time.Now()
		c.blocked.Store(now.UnixNano())
		if err := c.arm(now); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:min(written+writeChunk, len(p))])
		written += n
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.abandon()
			}
			return written, err
		}
		if written == len(p) {
			return written, nil
		}
	}
}

// abandon makes the system forget what the client has not read. Otherwise it
// would keep it, and offer it again, for minutes after the connection was closed.
func (c *Conn) abandon() {
	c.listener.count(reasonStalled)
	c.linger()
}

// linger makes the connection end with a reset.
func (c *Conn) linger() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it may be closed already
	}
}

// SetWriteDeadline bounds all writes until it is called again; zero bounds none.
// Each chunk has its own limit besides.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.limit = t
	if c.blocked.Load() == 0 {
		return nil // the next write arms it
	}
	return c.rearm(time.Now())
}

// SetDeadline bounds reads and writes.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// arm gives the write that begins now its deadline.
func (c *Conn) arm(now time.Time) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	return c.rearm(now)
}

// rearm sets the deadline of the connection below, unless it is about right: each
// change costs more than the rest of a short write. The caller holds the lock.
func (c *Conn) rearm(now time.Time) error {
	want := now.Add(writeStall)
	if !c.limit.IsZero() && c.limit.Before(want) {
		want = c.limit
	}
	if !c.armed.After(want) && want.Sub(c.armed) < writeStall/4 {
		return nil
	}
	c.armed = want
	return c.Conn.SetWriteDeadline(want)
}

// blockedFor returns for how long the client has left a chunk unread.
func (c *Conn) blockedFor(now time.Time) time.Duration {
	if since := c.blocked.Load(); since != 0 {
		return now.Sub(time.Unix(0, since))
	}
	return 0
}
