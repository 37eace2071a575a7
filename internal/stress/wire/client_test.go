package wire_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress/wire"
)

// Unusual but valid answers are accepted, and the connection is kept exactly when it
// can be.
func TestAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 100_000)
	for name, test := range map[string]struct {
		method, answer string
		status         int
		body           string
		kept           bool
	}{
		"length":               {"GET", ok, 200, "ok", true},
		"no body":              {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true},
		"no reason":            {"GET", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true},
		"bare line feeds":      {"GET", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, "ok", true},
		"folded":               {"GET", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\nA: b\r\n\tc\r\n\r\nok", 200, "ok", true},
		"white space":          {"GET", "HTTP/1.1 200 OK\r\ncontent-length:\t 2 \t\r\n\r\nok", 200, "ok", true},
		"the same length":      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true},
		"interim answers":      {"GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ok, 200, "ok", true},
		"another protocol":     {"GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 101, "", false},
		"HEAD":                 {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200, "", true},
		"HEAD in chunks":       {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", true},
		"204":                  {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, "", true},
		"304":                  {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", true},
		"chunks":               {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n0006 \r\n world\r\n0\r\n\r\n", 200, "hello world", true},
		"trailer":              {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n c\r\nD: e\r\n\r\n", 200, "ok", true},
		"chunks with a length": {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok", false},
		"close":                {"GET", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
		"until closed":         {"GET", "HTTP/1.1 200 OK\r\n\r\nok", 200, "ok", false},
		"HTTP/1.0":             {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
		"HTTP/1.0 kept":        {"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true},
		"too much":             {"GET", ok + "HTTP/1.1 200 OK\r\n", 200, "ok", false},
		"body of HEAD":         {"HEAD", ok, 200, "", false},
		"long":                 {"GET", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long), long), 200, long, true},
		"long in chunks":       {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat(fmt.Sprintf("%x\r\n%s\r\n", 1000, long[:1000]), 1000) + "0\r\n\r\n", 200, long, true},
		"long until closed":    {"GET", "HTTP/1.1 200 OK\r\n\r\n" + long, 200, long, false},
		"long head":            {"GET", "HTTP/1.1 200 OK\r\nA: " + long + "\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			untilClosed := strings.Contains(name, "until closed")
			s := listen(t, func(_ *server, p *peer) {
				for said := true; said && p.request() != nil; {
					said = p.say(test.answer) && !untilClosed
				}
			})
			c := client(t, s.target, wire.Options{})
			for range 3 {
				r := answered(t, c, &wire.Request{Method: test.method, Path: "/"}, test.status, test.body)
				if r.Size != int64(len(test.body)) {
					t.Errorf("size %d, want %d", r.Size, len(test.body))
				}
				if r.FirstByte <= 0 || r.Took < r.FirstByte || r.Took > time.Minute {
					t.Errorf("first byte after %s, all after %s", r.FirstByte, r.Took)
				}
			}
			if test.kept {
				s.came(t, 1)
			} else {
				s.came(t, 3)
			}
			if got := c.Protocol(); got != test.answer[:len("HTTP/1.1")] {
				t.Errorf("protocol %q", got)
			}
		})
	}
}

// An answer that arrives in pieces of any size is the same answer.
func TestAnswerInPieces(t *testing.T) {
	t.Parallel()
	const answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nA: b\r\n\r\n"
	s := listen(t, func(_ *server, p *peer) {
		for size := 1; p.request() != nil; size++ {
			for rest := answer; rest != ""; {
				n := min(size, len(rest))
				p.say(rest[:n])
				rest = rest[n:]
			}
		}
	})
	c := client(t, s.target, wire.Options{})
	for range 50 {
		answered(t, c, post("/", ""), 200, "hello world")
	}
	s.came(t, 1)
}

// Of a body that is too long, the beginning is kept and everything counted.
func TestMaxBody(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	for name, answer := range map[string]string{
		"length":       fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size)),
		"chunks":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", size/1024) + "0\r\n\r\n",
		"until closed": "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", size),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, closing(answer))
			c := client(t, s.target, wire.Options{MaxBody: 10})
			for range 2 {
				if r := answered(t, c, get("/"), 200, "xxxxxxxxxx"); r.Size != size {
					t.Errorf("size %d, want %d", r.Size, size)
				}
			}
		})
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	s := answering(t, "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie:  b=2 \r\nFolded: one\r\n two\r\nEmpty:\r\nContent-Length: 0\r\n\r\n")
	c := client(t, s.target, wire.Options{})
	r := answered(t, c, get("/"), 200, "")
	for name, want := range map[string]string{"Set-Cookie": "a=1", "SET-COOKIE": "a=1", "empty": "", "missing": "", "content-length": "0"} {
		if got := r.Header(name); got != want {
			t.Errorf("header %s = %q, want %q", name, got, want)
		}
	}
	if got := strings.Fields(r.Header("folded")); strings.Join(got, " ") != "one two" {
		t.Errorf("header folded = %q", got)
	}
	var cookies []string
	r.Each(func(name, value string) bool {
		if strings.EqualFold(name, "Set-Cookie") {
			cookies = append(cookies, value)
		}
		return len(cookies) < 2
	})
	if got := strings.Join(cookies, " "); got != "a=1 b=2" {
		t.Errorf("cookies %q", got)
	}
	c.Release()
	if got := r.Header("Set-Cookie"); got != "" || r.Body != nil {
		t.Errorf("after Release, the response has header %q and body %q", got, r.Body)
	}
	answered(t, c, get("/"), 200, "")
	s.came(t, 1)
}

func TestNewConnections(t *testing.T) {
	t.Parallel()
	s := listen(t, func(s *server, p *peer) {
		for r := p.request(); r != nil; r = p.request() {
			s.requests <- r
			p.say(ok)
		}
	})
	c := client(t, s.target, wire.Options{NewConnections: true})
	for range 3 {
		answered(t, c, get("/"), 200, "ok")
		if r := <-s.requests; !r.Close {
			t.Error("the request has no Connection: close")
		}
	}
	s.came(t, 3)
	c = client(t, s.target, wire.Options{})
	for range 2 {
		answered(t, c, &wire.Request{Method: "GET", Path: "/", Header: []wire.Field{{Name: "connection", Value: "Close"}}}, 200, "ok")
	}
	s.came(t, 5)
}

// If the target closes the connection instead of answering, the request is tried once
// more, but only on a new connection after a kept one, and only if sending it twice is
// safe.
func TestRetry(t *testing.T) {
	t.Parallel()
	key := []wire.Field{{Name: "idempotency-key", Value: "1"}}
	for name, test := range map[string]struct {
		request wire.Request
		again   bool
	}{
		"GET":           {wire.Request{Method: "GET", Path: "/"}, true},
		"HEAD":          {wire.Request{Method: "HEAD", Path: "/"}, true},
		"PUT":           {wire.Request{Method: "PUT", Path: "/", Body: []byte("{}")}, true},
		"DELETE":        {wire.Request{Method: "DELETE", Path: "/"}, true},
		"POST":          {wire.Request{Method: "POST", Path: "/", Body: []byte("{}")}, false},
		"PATCH":         {wire.Request{Method: "PATCH", Path: "/", Body: []byte("{}")}, false},
		"POST with key": {wire.Request{Method: "POST", Path: "/", Body: []byte("{}"), Header: key}, true},
	} {
		for how, end := range map[string]func(*peer){"closed": func(*peer) {}, "reset": (*peer).reset} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				want := map[string]wire.Kind{"closed": wire.Closed, "reset": wire.Reset}[how]
				// Each connection answers once. All after the second one answer
				// nothing.
				s := listen(t, func(_ *server, p *peer) {
					p.request()
					if p.nth <= 2 {
						p.say("HTTP/1.1 204 No Content\r\n\r\n")
						p.request()
					}
					end(p)
				})
				c := client(t, s.target, wire.Options{})
				answered(t, c, &test.request, 204, "")
				if !test.again {
					failed(t, c, &test.request, want)
					s.came(t, 1)
					return
				}
				answered(t, c, &test.request, 204, "")
				s.came(t, 2)
				// The third connection is new, and fails: there is no fourth.
				failed(t, c, &test.request, want)
				s.came(t, 3)
			})
		}
	}
}

// An invalid request is rejected before anything is sent.
func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	s := answering(t, ok)
	for name, r := range map[string]wire.Request{
		"no method":            {Path: "/"},
		"space in method":      {Method: "GET /", Path: "/"},
		"CONNECT":              {Method: "CONNECT", Path: "/"},
		"no slash":             {Method: "GET", Path: "a"},
		"URL":                  {Method: "GET", Path: "http://example.com/"},
		"space in path":        {Method: "GET", Path: "/a b"},
		"line break in path":   {Method: "GET", Path: "/a\r\nX: y"},
		"no name":              {Method: "GET", Path: "/", Header: []wire.Field{{Value: "x"}}},
		"colon in name":        {Method: "GET", Path: "/", Header: []wire.Field{{Name: "a:b", Value: "x"}}},
		"line break in value":  {Method: "GET", Path: "/", Header: []wire.Field{{Name: "A", Value: "x\nB: y"}}},
		"NUL in value":         {Method: "GET", Path: "/", Header: []wire.Field{{Name: "A", Value: "\x00"}}},
		"wrong length":         {Method: "POST", Path: "/", Header: []wire.Field{{Name: "content-length", Value: "7"}}},
		"framing of their own": {Method: "POST", Path: "/", Header: []wire.Field{{Name: "transfer-encoding", Value: "chunked"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed(t, client(t, s.target, wire.Options{}), &r, wire.Invalid)
		})
	}
	failed(t, client(t, s.target, wire.Options{UserAgent: "a\r\nb"}), get("/"), wire.Invalid)
	s.came(t, 0)
}

// The server, net/http and not the client's own code, reads what was meant.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := listen(t, func(s *server, p *peer) {
		for r := p.request(); r != nil; r = p.request() {
			s.requests <- r
			p.say("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	below := parse(t, s.target.String()+"/api/")
	// more than the system accepts in one write
	long := strings.Repeat("long", 2_000_000)
	for name, test := range map[string]struct {
		target    *wire.Target
		request   wire.Request
		url, body string
		header    map[string]string
	}{
		"GET": {
			s.target,
			wire.Request{Method: "GET", Path: "/concerts?limit=5"},
			"/concerts?limit=5", "",
			map[string]string{"User-Agent": "onsale-stress", "Content-Length": "", "Accept-Encoding": ""},
		},
		"below the target": {below, wire.Request{Method: "GET", Path: "/items"}, "/api/items", "", nil},
		"the target":       {below, wire.Request{Method: "GET"}, "/api", "", nil},
		"its query":        {below, wire.Request{Method: "GET", Path: "?a=b"}, "/api?a=b", "", nil},
		"root":             {s.target, wire.Request{Method: "GET"}, "/", "", nil},
		"query of root":    {s.target, wire.Request{Method: "GET", Path: "?a=b"}, "/?a=b", "", nil},
		"POST":             {s.target, *post("/buy/1", "{}"), "/buy/1", "{}", map[string]string{"Content-Length": "2"}},
		"empty body":       {s.target, *post("/", ""), "/", "", map[string]string{"Content-Length": "0"}},
		"POST of nothing":  {s.target, wire.Request{Method: "POST", Path: "/"}, "/", "", map[string]string{"Content-Length": "0"}},
		"long body":        {s.target, *post("/", long), "/", long, nil},
		"own fields": {
			s.target, wire.Request{Method: "PUT", Path: "/", Body: []byte("ok"), Header: []wire.Field{
				{Name: "HOST", Value: "example.com"},
				{Name: "user-agent", Value: "me"},
				{Name: "content-length", Value: "2"},
				{Name: "X-Long", Value: long},
			}}, "/", "ok", map[string]string{"User-Agent": "me", "Content-Length": "2", "X-Long": long},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, test.target, wire.Options{})
			answered(t, c, &test.request, 204, "")
			r := <-s.requests
			if r.Method != test.request.Method || r.URL.String() != test.url {
				t.Errorf("%s %s came, want %s", r.Method, r.URL, test.url)
			}
			host := s.target.String()[len("http://"):]
			if name == "own fields" {
				host = "example.com"
			}
			if r.Host != host {
				t.Errorf("host %q, want %q", r.Host, host)
			}
			for field, want := range test.header {
				if got := strings.Join(r.Header.Values(field), " and "); got != want {
					t.Errorf("%s: %.99q, want %.99q", field, got, want)
				}
			}
			if body, _ := io.ReadAll(r.Body); string(body) != test.body {
				t.Errorf("body %.99q, want %.99q", body, test.body)
			}
		})
	}
}

// The context may be one that never ends.
func TestBackground(t *testing.T) {
	t.Parallel()
	s := answering(t, ok)
	c := client(t, s.target, wire.Options{})
	endless := context.WithoutCancel(t.Context())
	for _, ctx := range []context.Context{endless, t.Context(), endless} {
		if _, err := c.Do(ctx, get("/")); err != nil {
			t.Fatal(err)
		}
	}
	s.came(t, 1)
}
