package wire

import "net"

// Over returns a client that has a connection already.
func Over(t *Target, o Options, over net.Conn) *Client {
	c := New(t, o)
	c.deadline.hold(over)
	c.conn = &conn{Conn: over, tcp: over, idle: c.now()}
	return c
}
