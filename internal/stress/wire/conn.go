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
	// restless is how long a connection can be idle before the client checks whether
	// the target has closed it, unless each request does that. The check costs a system
	// call.
	restless = time.Millisecond
	// sleepy is that time on systems where the client can only wait for data, and
	// moment is how long it waits, which delays the user.
	sleepy = time.Second
	moment = time.Millisecond
)

// alpn is the protocol offered in a TLS handshake.
const alpn = "http/1.1"

// conn is a connection to the target.
type conn struct {
	// Conn is the connection that requests are written to: tcp, or TLS on top of it.
	net.Conn

	tcp net.Conn
	// version is the version of TLS; 0 without TLS.
	version uint16
	// idle is when the connection became idle, on the client's clock; 0 before its
	// first answer.
	idle time.Duration

	exchange
}

// connect opens a new connection, with a deadline.
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

// handshake starts TLS on a connection.
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

// tlsConfig returns the configuration of the options, completed.
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

// look drops the connection if the target closed it while it was idle. That is not a
// failure of the target, and the client must know before it sends a request that must
// not be sent twice.
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
		closed = c.deadline.waitForData(moment)
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
	_ = c.conn.Close() // nothing is lost: the answer was read, or there is none
	c.conn = nil
}

// breakOff closes the connection without TLS's closing message, which would wait for a
// target that no longer reads.
func (c *Client) breakOff() {
	if c.conn != nil {
		_ = c.conn.tcp.Close() // it failed already
		c.drop()
	}
}

// writeThenRead is a round trip in two steps, which works on all connections. If a
// write fails, there may be an answer nevertheless, because a server can reject a
// request without reading all of it.
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
