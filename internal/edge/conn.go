package edge

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection of a [Listener]. Each chunk of an answer has its own write
// deadline, so that the deadline moves with the client's progress. The deadline that the
// server sets bounds all chunks together.
type Conn struct {
	net.Conn

	listener *Listener
	// spare is set while the connection is in reserve.
	spare atomic.Bool
	// blocked is when the current write began, in Unix nanoseconds; 0 for none.
	blocked atomic.Int64
	// receiving is set while the server waits for data from the client.
	receiving atomic.Bool

	// begun is set after a part of a request was read, and waited is how long the
	// request waited for its turn. Only the goroutine that serves the connection uses
	// them.
	begun  bool
	waited time.Duration
	turn   chan struct{} // receives an element when it is the request's turn
	// awaits is set while a request waits for its turn or has it.
	awaits atomic.Bool

	deadlines sync.Mutex
	limit     time.Time // write deadline that the server set; zero for none
	armed     time.Time // write deadline of the wrapped connection; zero for none

	// The listener's lock guards the remaining fields.

	queue      *queue // nil after the connection has lost its place
	prev, next *Conn
	since      time.Time   // when the connection was added to its queue
	expiry     *time.Timer // only for a connection in reserve
}

// NetConn returns the wrapped connection.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Close closes the connection and releases its place.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.listener.leave(c)
	return err
}

// CloseWrite closes the writing side, if the wrapped connection supports that. The
// server then waits for the client to close the connection. That wait does not count as
// use of the place.
func (c *Conn) CloseWrite() error {
	c.listener.finish(c)
	if below, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return below.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Read reads data from the client. It returns the beginning of a request only when it
// is the request's turn.
func (c *Conn) Read(p []byte) (int, error) {
	// While a handler runs, net/http reads a single byte to detect that the client closes
	// the connection. That read does not mean that the server waits for the client.
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

// abandon makes the operating system discard the data that the client has not read.
// Otherwise the system would keep and resend it for minutes after the close.
func (c *Conn) abandon() {
	c.listener.count(reasonStalled)
	c.linger()
}

// linger makes the connection close with a reset.
func (c *Conn) linger() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails if the connection is already closed
	}
}

// SetWriteDeadline bounds all writes until it is called again; zero removes the bound.
// In addition, each chunk has its own limit.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.limit = t
	if c.blocked.Load() == 0 {
		return nil // the next write sets it
	}
	return c.rearm(time.Now())
}

// SetDeadline bounds reads and writes.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// arm sets the deadline of a write that begins now.
func (c *Conn) arm(now time.Time) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	return c.rearm(now)
}

// rearm sets the deadline of the wrapped connection. It keeps one that is almost right,
// because a change costs more than the rest of a short write. The caller holds the lock.
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
