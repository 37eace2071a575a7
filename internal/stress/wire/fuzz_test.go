package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress/wire"
)

// script is a connection whose other end sends a fixed text, in pieces.
type script struct {
	left   []byte
	piece  int
	closed bool
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(s.piece, len(p))], s.left)
	s.left = s.left[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error)      { return len(p), nil }
func (s *script) Close() error                     { s.closed = true; return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) LocalAddr() net.Addr              { return nil }
func (s *script) RemoteAddr() net.Addr             { return nil }

// parsed is an answer as one implementation parsed it.
type parsed struct {
	status int
	body   string
	header map[string]string
	// kept is set if the connection can be used again.
	kept bool
}

// ours reads an answer with the client.
func ours(target *wire.Target, method string, answer []byte, piece int) (parsed, error) {
	over := &script{left: answer, piece: piece}
	c := wire.Over(target, wire.Options{}, over)
	defer c.Close()
	r, err := c.Do(context.Background(), &wire.Request{Method: method, Path: "/"})
	if err != nil {
		return parsed{}, err
	}
	p := parsed{r.Status, string(r.Body), map[string]string{}, !over.closed}
	r.Each(func(name, _ string) bool {
		p.header[http.CanonicalHeaderKey(name)] = r.Header(name)
		return true
	})
	return p, nil
}

// theirs reads an answer with net/http.
func theirs(method string, answer []byte) (parsed, error) {
	in := bufio.NewReader(bytes.NewReader(answer))
	for {
		r, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return parsed{}, err
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return parsed{}, err
		}
		if r.StatusCode < 200 && r.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		p := parsed{r.StatusCode, string(body), map[string]string{}, !r.Close && in.Buffered() == 0 && r.StatusCode != http.StatusSwitchingProtocols}
		for name, values := range r.Header {
			p.header[name] = values[0]
		}
		return p, nil
	}
}

// withoutFraming removes what net/http removes or adds, and all white space that
// folding leaves.
func withoutFraming(header map[string]string) map[string]string {
	header = maps.Clone(header)
	for name, value := range header {
		switch name {
		case "Connection", "Content-Length", "Transfer-Encoding", "Trailer", "Cache-Control":
			delete(header, name)
		default:
			header[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	return header
}

// understood are answers that both implementations accept.
var understood = []string{
	ok,
	"HTTP/1.1 100 Continue\r\n\r\n" + ok,
	"HTTP/1.1 101 Switching Protocols\r\n\r\nhello",
	"HTTP/1.0 200 OK\r\n\r\nhello",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 304 Not Modified\nETag: \"a\"\n\n",
	"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
	"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 3\r\nContent-Length:3\r\n\r\nabc",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: a, close\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
	ok + "HTTP/1.1 200 OK\r\n",
}

// FuzzAnswer: if both this client and net/http accept an answer, they read it in the
// same way.
func FuzzAnswer(f *testing.F) {
	for i, answer := range understood {
		f.Add([]byte(answer), uint8(i*7), i%3 == 0)
	}
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n"), uint8(3), false)
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n"), uint8(3), false)
	target := parse(f, "127.0.0.1:1")
	f.Fuzz(func(t *testing.T, answer []byte, piece uint8, head bool) {
		if len(answer) == 0 {
			return // no data: the client would send the request again
		}
		method := http.MethodPost
		if head {
			method = http.MethodHead
		}
		got, err := ours(target, method, answer, int(piece)+1)
		whole, errWhole := ours(target, method, answer, len(answer))
		if (err == nil) != (errWhole == nil) || got.body != whole.body || got.status != whole.status {
			t.Fatalf("in pieces of %d: %+v, %v; whole: %+v, %v", int(piece)+1, got, err, whole, errWhole)
		}
		want, errTheirs := theirs(method, answer)
		if err != nil || errTheirs != nil {
			return
		}
		if got.status != want.status || got.body != want.body {
			t.Fatalf("we read %d %q, net/http reads %d %q", got.status, got.body, want.status, want.body)
		}
		if whole.kept && !want.kept {
			t.Fatal("we would use the connection again, net/http would not")
		}
		if got, want := withoutFraming(got.header), withoutFraming(want.header); !maps.Equal(got, want) {
			t.Fatalf("we read %q, net/http reads %q", got, want)
		}
	})
}

// Without this test, the comparison above would also pass for a client that accepts
// nothing.
func TestUnderstoodByBoth(t *testing.T) {
	t.Parallel()
	target := parse(t, "127.0.0.1:1")
	for _, answer := range understood {
		if _, err := ours(target, http.MethodPost, []byte(answer), 1); err != nil {
			t.Errorf("%q: %v", answer, err)
		}
		if _, err := theirs(http.MethodPost, []byte(answer)); err != nil {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

// FuzzTarget looks for texts that are accepted as targets but cannot be used.
func FuzzTarget(f *testing.F) {
	for _, text := range []string{"localhost:8000", "https://example.com/a/", "[::1]:80", "http://[fe80::1%25a%0a]/", "a?b#c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := wire.ParseTarget(text)
		if err != nil {
			return
		}
		c := wire.Over(target, wire.Options{}, &script{left: []byte(ok), piece: 10})
		defer c.Close()
		if _, err := c.Do(t.Context(), post("/", "")); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := wire.ParseTarget(target.String())
		if err != nil || again.String() != target.String() {
			t.Fatalf("%q is read as %q, and that as %q, %v", text, target, again, err)
		}
	})
}
