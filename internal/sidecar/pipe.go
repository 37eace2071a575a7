package sidecar

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// pipe is a network connection over two pipes. It has no deadlines, because the parent
// kills a child that hangs.
type pipe struct {
	io.Reader
	io.Writer
	close func() error
	// closed is closed when the pipe is closed.
	closed chan struct{}
}

var _ net.Conn = (*pipe)(nil)

func newPipe(r io.ReadCloser, w io.WriteCloser) *pipe {
	p := &pipe{Reader: r, Writer: w, closed: make(chan struct{})}
	p.close = sync.OnceValue(func() error {
		close(p.closed)
		return errors.Join(w.Close(), r.Close())
	})
	return p
}

func (p *pipe) Close() error { return p.close() }

func (*pipe) LocalAddr() net.Addr              { return pipeAddr{} }
func (*pipe) RemoteAddr() net.Addr             { return pipeAddr{} }
func (*pipe) SetDeadline(time.Time) error      { return nil }
func (*pipe) SetReadDeadline(time.Time) error  { return nil }
func (*pipe) SetWriteDeadline(time.Time) error { return nil }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// listener accepts a single connection, and ends with it.
type listener struct {
	conn  chan net.Conn
	ended <-chan struct{}
}

func newListener(p *pipe) *listener {
	l := &listener{conn: make(chan net.Conn, 1), ended: p.closed}
	l.conn <- p
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conn:
		return conn, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (*listener) Close() error   { return nil }
func (*listener) Addr() net.Addr { return pipeAddr{} }
