package server

import (
	"net"
	"net/http"
)

// resetConnection is the value of a panic by which a handler has its connection reset.
// As with [http.ErrAbortHandler], the client gets no answer.
type resetConnection struct{}

// reset closes the connection after a panic with [resetConnection]. It sends an RST
// instead of a FIN, like a crashed server or a proxy that times out, so the client's
// next read fails with "connection reset". No status is sent; the call is counted
// as 500.
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
			_ = c.SetLinger(0) // so that Close sends an RST
			_ = c.Close()      // before TLS can send its close_notify
			return
		case interface{ NetConn() net.Conn }: // such as *tls.Conn
			inner = c.NetConn()
		default:
			return
		}
	}
}
