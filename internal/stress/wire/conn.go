package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"time"
)

const (
	// restless is how long a connection may lie idle before it is looked at whether the
	// target has closed it, unless each request does that. Looking costs a system call.
	restless = time.Millisecond
	// sleepy is how long it may lie idle where one can only listen whether there is
	// anything, and moment how long one listens: that is the user's time.
	sleepy = time.Second
	moment = time.Millisecond
)

// alpn is the protocol that is offered in a TLS handshake.
const alpn = "http/1.1"

// conn is a connection to the target.
type conn struct {
	// Conn is what requests are written to: tcp, or TLS above it.
	net.Conn

	tcp net.Conn
	// version is that of TLS; 0 without.
	version uint16
	// idle is since when it is, on the client's clock; 0 before its first answer.
	idle time.Duration

	exchange
}

// connect makes a new connection until then.
func (c *Client) connect(ctx context.Context, until time.Duration) *Error {
	deadline := c.epoch.Add(until)
	d := c.target.Dialer()
	d.Deadline = deadline
	tcp, err := d.DialContext(ctx, "tcp", c.target.address())
	if err != nil {
		return c.unconnected(ctx, err, deadline, dialKind)
	}
	cn := &conn{Conn: tcp, tcp: tcp}
	c.deadline.hold(tcp)
	if c.target.secure {
		if err := c.handshake(ctx, cn, deadline); err != nil {
			c.deadline.hold(nil)
			_ = tcp.Close()
			return c.unconnected(ctx, err, deadline, handshakeKind)
		}
	}
	cn.prepare()
	c.conn = cn
	return nil
}

// handshake puts TLS above a connection.
func (c *Client) handshake(ctx context.Context, cn *conn, deadline time.Time) error {
	if err := cn.SetDeadline(deadline); err != nil {
		return err
	}
	t := tls.Client(cn.Conn, c.tlsConfig())
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("shake hands: %w", bare(err))
	}
	cn.Conn, cn.version = t, t.ConnectionState().Version
	return nil
}

// tlsConfig is the one of the options, with what it lacks.
func (c *Client) tlsConfig() *tls.Config {
	o := c.o.TLS
	if o == nil {
		return &tls.Config{ServerName: c.target.host, NextProtos: []string{alpn}, MinVersion: tls.VersionTLS12}
	}
	if o.ServerName != "" && slices.Equal(o.NextProtos, []string{alpn}) {
		return o
	}
	o = o.Clone()
	o.NextProtos = []string{alpn}
	if o.ServerName == "" {
		o.ServerName = c.target.host
	}
	return o
}

// look drops the connection if the target has closed it while it lay idle. That is no failure of the
// target, and is to be known before a request is sent that must not be sent twice.
func (c *Client) look() {
	if c.conn == nil {
		return
	}
	idle := c.now() - c.conn.idle
	if idle < restless {
		return
	}
	closed, known := c.conn.closed()
	if !known && idle >= sleepy {
		closed = c.deadline.listen(moment)
	}
	if closed {
		c.drop()
	}
}

// drop closes the connection, if there is one.
func (c *Client) drop() {
	if c.conn == nil {
		return
	}
	c.deadline.hold(nil)
	_ = c.conn.Close() // nothing is lost with it: the answer was read, or there is none
	c.conn = nil
}

// breakOff closes the connection without a word, for which TLS would wait on a
// target that reads no longer.
func (c *Client) breakOff() {
	if c.conn != nil {
		_ = c.conn.tcp.Close() // it failed already
		c.drop()
	}
}

// writeThenRead is a round trip in steps, which all connections can do. If a write
// fails, an answer may be there nevertheless: a server need not read a whole
// request to refuse it.
func (cn *conn) writeThenRead(out, rest, in []byte) (int, error) {
	var failed error
	if len(out) > 0 {
		_, failed = cn.Write(out)
	}
	if len(rest) > 0 && failed == nil {
		_, failed = cn.Write(rest)
	}
	n, err := cn.Read(in)
	if n > 0 {
		return n, nil
	}
	return 0, cmp.Or(failed, err)
}
