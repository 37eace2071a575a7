//go:build unix

package wire

// Hears reports whether there is something to be read on the connection that is kept, its end included.
func (c *Client) Hears() bool {
	c.conn.gone = false
	return c.conn.raw.Control(c.conn.look) == nil && c.conn.gone
}
