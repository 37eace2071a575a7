package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// slackShare is the part of a timeout that a request may take longer, so that not
// each request moves its deadline, which costs more than reading a small
// answer; maxSlack bounds it.
const (
	slackShare = 64
	maxSlack   = 100 * time.Millisecond
)

// deadline ends what a connection waits for: at a deadline, or with a context. It
// stays with a context over many requests, so that following it costs
// only the first of them something.
type deadline struct {
	// done is that of the context, stop lets go of it.
	done <-chan struct{}
	stop func() bool
	// until is the deadline of the connection, on the client's clock; 0 is none.
	until time.Duration

	mu   sync.Mutex
	conn net.Conn
	// turn counts contexts, so that one that ends late does not end the next.
	turn int
	over bool
}

// follow takes a context, and reports whether it goes on.
func (l *deadline) follow(ctx context.Context) bool {
	if done := ctx.Done(); done != l.done {
		l.letGo()
		l.done = done
		if done != nil {
			turn := l.turn
			l.stop = context.AfterFunc(ctx, func() { l.end(turn) })
		}
	}
	return !l.ended()
}

// ended reports whether the context is over.
func (l *deadline) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// letGo forgets the context.
func (l *deadline) letGo() {
	if l.stop != nil {
		l.stop()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn++
	// The last context may have moved the deadline.
	l.done, l.stop, l.over, l.until = nil, nil, false, 0
}

// end lets the connection wait no longer.
func (l *deadline) end(turn int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turn != turn {
		return
	}
	l.over = true
	if l.conn != nil {
		_ = l.conn.SetDeadline(time.Unix(1, 0)) // a connection that is closed waits for nothing
	}
}

// listen waits a moment for something to read, and reports whether there was anything, the end
// of the connection included. What is read is lost: such a connection is not to be used any more.
func (l *deadline) listen(moment time.Duration) bool {
	l.mu.Lock()
	conn := l.conn
	if l.over || conn == nil {
		l.mu.Unlock()
		return false
	}
	l.until = 0 // the next request sets its own
	err := conn.SetReadDeadline(time.Now().Add(moment))
	l.mu.Unlock()
	if err != nil {
		return true
	}
	var one [1]byte
	_, err = conn.Read(one[:])
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// hold takes a connection, or nil.
func (l *deadline) hold(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.until = c, 0
}

// extend moves the deadline of the connection, unless it is right already. Both
// moments are on a clock that began at epoch.
func (l *deadline) extend(epoch time.Time, until, timeout time.Duration) error {
	slack := min(timeout/slackShare, maxSlack)
	if until <= l.until && l.until <= until+slack {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return context.Canceled
	}
	l.until = until + slack
	return l.conn.SetDeadline(epoch.Add(l.until))
}
