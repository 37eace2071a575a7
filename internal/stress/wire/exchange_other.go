//go:build !unix

package wire

// exchange needs nothing here: net.Conn does it in two steps.
type exchange struct{}

func (exchange) prepare() {}

// closed cannot be known here before a request fails.
func (exchange) closed() bool { return false }

func (cn *conn) roundTrip(out, rest, in []byte) (int, error) { return cn.writeThenRead(out, rest, in) }
