package app

import (
	"net"
	"sync"
)

// limitListener lets so many clients be connected at once; more wait in the
// system's backlog. Unlike that of golang.org/x/net/netutil, its connections
// show the one below (NetConn), which the fault that resets connections needs.
type limitListener struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	close  func() error
}

func newLimitListener(l net.Listener, limit int) *limitListener {
	closed := make(chan struct{})
	return &limitListener{
		Listener: l, places: make(chan struct{}, limit), closed: closed,
		close: sync.OnceValue(func() error { close(closed); return l.Close() }),
	}
}

// Accept waits for a place, then for a client.
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &limitedConn{Conn: conn, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close stops accepting, also while Accept waits for a place.
func (l *limitListener) Close() error { return l.close() }

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	leave func()
}

func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// NetConn returns the connection below.
func (c *limitedConn) NetConn() net.Conn { return c.Conn }
