//go:build unix

package wire

// Hears reports whether the kept connection has data or has ended.
func (c *Client) Hears() bool {
	c.conn.gone = false
	return c.conn.raw.Control(c.conn.look) == nil && c.conn.gone
}
