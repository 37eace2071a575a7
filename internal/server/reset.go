package server

import (
	"net"
	"net/http"
)

// resetConnection is what a handler panics with, far below whoever holds the
// connection, to have it reset. As with [http.ErrAbortHandler], nothing is
// answered.
type resetConnection struct{}

// reset closes the connection of a request that met such a panic, so that the
// client's next read fails with "connection reset": by an RST instead of a FIN,
// as a crashed server or an impatient proxy sends it. No status was sent; it
// counts as 500, so that the call is seen as failed.
func (w *response) reset() {
	if !w.resetting {
		return
	}
	conn, _, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		// HTTP/2 has no connection for each request: its stream is reset.
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = conn.Close() }()
	for inner := conn; inner != nil; {
		switch c := inner.(type) {
		case *net.TCPConn:
			_ = c.SetLinger(0) // else the close is a gentle one
			_ = c.Close()      // before TLS says good-bye
			return
		case interface{ NetConn() net.Conn }: // as that of TLS has
			inner = c.NetConn()
		default:
			return
		}
	}
}
