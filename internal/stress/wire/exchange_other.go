//go:build !unix

package wire

// exchange needs nothing here: net.Conn does it in two steps.
type exchange struct{}

func (exchange) prepare() {}

// closed cannot be known here without reading.
func (exchange) closed() (closed, known bool) { return false, false }

func (cn *conn) roundTrip(out, rest, in []byte) (int, error) { return cn.writeThenRead(out, rest, in) }
