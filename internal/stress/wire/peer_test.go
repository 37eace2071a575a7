package wire_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/stress/wire"
)

// peer is the server's end of a connection, controlled by a test.
type peer struct {
	*net.TCPConn
	r *bufio.Reader
	// nth counts connections from 1.
	nth int32
}

// request reads a request with its body; nil if there is none.
func (p *peer) request() *http.Request {
	r, err := http.ReadRequest(p.r)
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(&text{body})
	return r
}

// text is a body that has been read.
type text struct{ left []byte }

func (t *text) Read(p []byte) (int, error) {
	if len(t.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, t.left)
	t.left = t.left[n:]
	return n, nil
}

// say sends a text, and reports whether it could.
func (p *peer) say(s string) bool {
	_, err := io.WriteString(p, s)
	return err == nil
}

// serve answers all requests with the same text until there are none.
func (p *peer) serve(answer string) {
	for p.request() != nil {
		p.say(answer)
	}
}

// reset makes closing reset the connection.
func (p *peer) reset() { _ = p.SetLinger(0) }

// wait reads until the client closes.
func (p *peer) wait() { _, _ = io.Copy(io.Discard, p.r) }

// ok is a small answer.
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// server handles each connection with a function of the test, and then closes it.
type server struct {
	target *wire.Target
	// connections counts accepted connections.
	connections atomic.Int32
	// requests has the requests that handlers report.
	requests chan *http.Request

	open sync.Map
}

// listen starts a server that ends with the test.
func listen(tb testing.TB, do func(s *server, p *peer)) *server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{target: parse(tb, l.Addr().String()), requests: make(chan *http.Request, 100)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p := &peer{TCPConn: c.(*net.TCPConn), r: bufio.NewReader(c), nth: s.connections.Add(1)}
			s.open.Store(p, nil)
			all.Go(func() {
				defer s.open.Delete(p)
				defer p.Close()
				do(s, p)
			})
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		s.open.Range(func(p, _ any) bool {
			_ = p.(*peer).SetDeadline(time.Unix(1, 0))
			return true
		})
		all.Wait()
	})
	return s
}

// answering starts a server that answers each request with the same text.
func answering(tb testing.TB, answer string) *server {
	tb.Helper()
	return listen(tb, func(_ *server, p *peer) { p.serve(answer) })
}

// came fails unless there were that many connections.
func (s *server) came(tb testing.TB, want int32) {
	tb.Helper()
	if got := s.connections.Load(); got != want {
		tb.Errorf("%d connections, want %d", got, want)
	}
}
