package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// slackShare is the part of a timeout by which a request may exceed it. It saves most
// requests from moving the deadline, which costs more than reading a small answer.
// maxSlack limits it.
const (
	slackShare = 64
	maxSlack   = 100 * time.Millisecond
)

// deadline ends the waiting of a connection, at a deadline or with a context. It
// follows a context over many requests, so that only the first one pays for it.
type deadline struct {
	// done is the context's channel, and stop ends following the context.
	done <-chan struct{}
	stop func() bool
	// until is the deadline of the connection, on the client's clock; 0 is none.
	until time.Duration

	mu   sync.Mutex
	conn net.Conn
	// turn counts contexts, so that a late end of one does not end the next.
	turn int
	over bool
}

// follow follows a context, and reports whether it is still alive.
func (d *deadline) follow(ctx context.Context) bool {
	if done := ctx.Done(); done != d.done {
		d.release()
		d.done = done
		if done != nil {
			turn := d.turn
			d.stop = context.AfterFunc(ctx, func() { d.end(turn) })
		}
	}
	return !d.ended()
}

// ended reports whether the context is over.
func (d *deadline) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// release stops following the context.
func (d *deadline) release() {
	if d.stop != nil {
		d.stop()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn++
	// The last context may have moved the deadline.
	d.done, d.stop, d.over, d.until = nil, nil, false, 0
}

// end ends the waiting of the connection.
func (d *deadline) end(turn int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.turn != turn {
		return
	}
	d.over = true
	if d.conn != nil {
		_ = d.conn.SetDeadline(time.Unix(1, 0)) // a closed connection waits for nothing
	}
}

// waitForData waits a moment for data, and reports whether there was any, or the end of the
// stream. It discards the data, so the connection must not be used afterwards.
func (d *deadline) waitForData(moment time.Duration) bool {
	d.mu.Lock()
	conn := d.conn
	if d.over || conn == nil {
		d.mu.Unlock()
		return false
	}
	d.until = 0 // the next request sets its own deadline
	err := conn.SetReadDeadline(time.Now().Add(moment))
	d.mu.Unlock()
	if err != nil {
		return true
	}
	var one [1]byte
	_, err = conn.Read(one[:])
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// hold sets the connection, which may be nil.
func (d *deadline) hold(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conn, d.until = c, 0
}

// extend moves the deadline of the connection, unless it is right already. Both times
// are on a clock that began at epoch.
func (d *deadline) extend(epoch time.Time, until, timeout time.Duration) error {
	slack := min(timeout/slackShare, maxSlack)
	if until <= d.until && d.until <= until+slack {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return context.Canceled
	}
	d.until = until + slack
	return d.conn.SetDeadline(epoch.Add(d.until))
}
