//go:build !unix

package wire

// exchange needs nothing here.
type exchange struct{}

func (cn *conn) prepare() {}

func (cn *conn) roundTrip(out, rest, in []byte) (int, error) { return cn.writeThenRead(out, rest, in) }

// closed cannot be known here before a request fails.
func (cn *conn) closed() bool { return false }
