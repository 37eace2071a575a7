//go:build !unix

package wire

// exchange does nothing on this system: net.Conn writes and reads in two steps.
type exchange struct{}

func (exchange) prepare() {}

// closed cannot tell without reading.
func (exchange) closed() (closed, known bool) { return false, false }

func (cn *conn) roundTrip(out, rest, in []byte) (int, error) { return cn.writeThenRead(out, rest, in) }
