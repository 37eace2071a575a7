package server_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/server"
)

// TestForeignHosts: without a token, a Host that DNS rebinding can produce is rejected, and
// any other is accepted.
func TestForeignHosts(t *testing.T) {
	t.Parallel()
	allowed := []string{"Onsale.Example.com", " b.example."}
	r := newRig(t, func(o *server.Options) { o.AllowedHosts = allowed })
	for _, c := range []struct {
		host   string
		passes bool
	}{
		{"127.0.0.1", true},
		{"127.0.0.1:8000", true},
		{"192.168.0.17:8000", true}, // another interface, a container's bridge
		{"203.0.113.7", true},
		{"[::1]", true},
		{"[::1]:8000", true},
		{"::1", true},
		{"[fe80::1%25eth0]:8000", true}, // a zone, as RFC 6874 writes it
		{"[fe80::1%eth0]", true},
		{"[::ffff:127.0.0.1]:8000", true},
		{"localhost", true},
		{"LocalHost:8000", true},
		{"localhost:", true}, // an empty port is the default one
		{"shop.localhost:8000", true},
		{"a.b.LOCALHOST", true},
		{"api:8000", true}, // a service of Compose or Kubernetes
		{"my_machine", true},
		{"host.docker.internal:8000", true},
		{"HOST.docker.INTERNAL", true},
		{"", true}, // a probe over HTTP/1.0; browsers always send a Host
		// A single label that getaddrinfo parses as an address. Browsers send it as 127.0.0.1.
		{"2130706433", true},
		{"0x7f000001:8000", true},

		{"onsale.example.com", true},
		{"ONSALE.example.com:8443", true},
		{"onsale.example.com.", true},
		{"b.example", true},
		{"www.onsale.example.com", false},
		{"notonsale.example.com", false},
		{"onsale.example.com.evil.example", false},
		{"example.com", false},

		{"evil.example", false},
		{"evil.example:8000", false},
		{"EVIL.EXAMPLE", false},
		{"evil.example.", false},
		{"7f000001.c0a80001.rbndr.us", false},
		{"127.0.0.1.nip.io", false},
		{"xn--80ak6aa92e.com", false},
		{"api.evil.example", false},
		{"localhost.evil.example", false},
		{"evil-localhost.example", false},
		{"evillocalhost.", false},
		{"host.docker.internal.evil.example", false},
		{"evil.host.docker.internal", false}, // Docker has no such name
		{"host.docker.internal.", false},     // nor this spelling
		{"api.", false},                      // a top-level domain, which can be in DNS
		{"localhost.", false},                // some systems resolve it by DNS
		{"shop.localhost.", false},
		{"127.1", false}, // spellings of 127.0.0.1 that browsers do not send
		{"0x7f.1", false},
		{"0177.0.0.1", false},
		{"127.0.0.1.", false},
		{"256.256.256.256", false},
		{"user@localhost", false},
		{"user:password@localhost:8000", false},
		{"localhost@evil.example", false},
		{"%6cocalhost", false},
		{"evil.example%00localhost", false},
		{"localhost:x", false},
		{"localhost:99999", false},
		{"localhost:8000:8000", false},
		{"[::1", false},
		{"[::1]evil.example", false},
		{"[evil.example]", false},
		{"[127.0.0.1]", false},
		{"]", false},
		{":8000", false},
		{".", false},
		{".localhost", false},
		{"evil..localhost", false},
		{"localhost/evil.example", false},
		{"localhost evil.example", false},
		{"localhost,evil.example", false},
		{"ⓛocalhost", false}, // browsers map such letters to ASCII
		{"127。0。0。1", false}, // and such dots
		{strings.Repeat("a", 64), false},
		{strings.Repeat("a.", 127) + "localhost", false},
	} {
		w := r.do("GET", "/health", "", "Host: "+c.host)
		if !c.passes {
			if p := wantProblem(t, w, http.StatusMisdirectedRequest, "foreign_host"); !strings.Contains(p.Detail, "--allowed-hosts") {
				t.Errorf("Host %q: the answer does not name the flag: %s", c.host, w.Body)
			}
		}
		if got := w.Code == http.StatusOK; got != c.passes {
			t.Errorf("Host %q: %d, passes: %t, want %t", c.host, w.Code, got, c.passes)
		}
	}
}

// TestForeignHostFirst: the Host is checked before anything else, on every path and for
// every method.
func TestForeignHostFirst(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*server.Options){
		"loopback":          func(o *server.Options) { o.AdminToken, o.Loopback = "", true },
		"loopback and none": func(o *server.Options) { o.AdminToken, o.Loopback = server.OpenToAll, true },
		"none":              func(o *server.Options) { o.AdminToken, o.Loopback = server.OpenToAll, false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, open, func(o *server.Options) { o.OwnToken, o.Mounts, o.AllowedHosts = "own", mounts, nil })
			r.concert(t, 10)
			for _, path := range []string{
				"/", "/docs", "/openapi.json", "/concerts", "/concerts/new", "/buy/1", "/buy_random_deny/1", "/purchases", "/books", "/faults",
				"/api/token", "/api/items", "/api/items/../token", "//api/token", "/health", "/ready", "/metrics", "/nowhere", "/open/x",
				"/silences", "/crowd", "/broken",
			} {
				for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"} {
					w := r.do(method, path, `{"user_email":"a@example.com","quantity":1}`, "Host: evil.example",
						"Origin: http://evil.example", "Sec-Fetch-Site: same-origin", "Authorization: Bearer own")
					wantProblem(t, w, http.StatusMisdirectedRequest, "foreign_host")
				}
			}
			if len(r.orders()) != 0 {
				t.Error("an order was sold")
			}
			// One series for each method that HTTP defines, for all paths together.
			if got := r.series(t, "http_requests_total", "endpoint=unmatched", "method=POST", "status=421"); got != 22 {
				t.Errorf("%v rejected POSTs are counted, want 22", got)
			}
			if got := r.series(t, "http_requests_total", "endpoint=unmatched", "method=other", "status=421"); got != 22 {
				t.Errorf("%v rejected PROPFINDs are counted, want 22", got)
			}
		})
	}
}

// TestHostsBehindAToken: if a token protects the server, or it answers no admin calls, any
// Host is accepted, because a proxy can send any.
func TestHostsBehindAToken(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]func(*server.Options){
		"token on loopback": func(o *server.Options) { o.AdminToken, o.Loopback = "secret", true },
		"token":             func(o *server.Options) { o.AdminToken, o.Loopback = "secret", false },
		"no admin calls":    func(o *server.Options) { o.AdminToken, o.Loopback = "", false },
	} {
		r := newRig(t, closed, func(o *server.Options) { o.AllowedHosts = nil })
		for _, host := range []string{"evil.example", "onsale.example.com:8443", "localhost.", "user@localhost", ""} {
			if w := r.do("GET", "/concerts", "", "Host: "+host); w.Code != http.StatusOK {
				t.Errorf("%s, Host %q: %d %s", name, host, w.Code, w.Body)
			}
		}
	}
}

// TestForeignHostsInFront: the rule also applies without an API.
func TestForeignHostsInFront(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		token, host string
		loopback    bool
		want        int
	}{
		{"", "evil.example", true, 421},
		{server.OpenToAll, "evil.example", false, 421},
		{"", "onsale.example.com", true, 200},
		{"", "127.0.0.1:9090", true, 200},
		{"secret", "evil.example", true, 200},
		{"", "evil.example", false, 200},
	} {
		front := server.NewFront(server.FrontOptions{
			Mounts: mounts, AdminToken: c.token, Loopback: c.loopback, AllowedHosts: []string{"onsale.example.com"},
			Logger: slog.New(slog.DiscardHandler),
		})
		request := httptest.NewRequest(http.MethodGet, "/open/x", nil)
		request.Host = c.host
		answer := httptest.NewRecorder()
		front.ServeHTTP(answer, request)
		if answer.Code != c.want {
			t.Errorf("token %q, loopback %t, Host %s: %d, want %d", c.token, c.loopback, c.host, answer.Code, c.want)
		}
	}
}

// TestHostsOnTheWire sends hosts in the request line and in headers over a connection,
// where net/http parses them.
func TestHostsOnTheWire(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.AllowedHosts = nil })
	s := httptest.NewServer(r.handler)
	defer s.Close()
	for request, want := range map[string]int{
		"GET /health HTTP/1.1\r\nHost: localhost\r\n":                             200,
		"GET /health HTTP/1.1\r\nHost: evil.example\r\n":                          421,
		"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n":          421, // the target counts
		"GET http://localhost/health HTTP/1.1\r\nHost: evil.example\r\n":          200,
		"GET http://user@evil.example/health HTTP/1.1\r\nHost: localhost\r\n":     421,
		"GET http://localhost@evil.example/health HTTP/1.1\r\nHost: x\r\n":        421,
		"GET http://evil.example@localhost/health HTTP/1.1\r\nHost: x\r\n":        200, // a user, not a host
		"GET http://%6cocalhost/health HTTP/1.1\r\nHost: localhost\r\n":           400,
		"GET http://%E2%93%9Bocalhost/health HTTP/1.1\r\nHost: localhost\r\n":     421,
		"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: evil.x\r\n": 200, // not used
		"GET /health HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: a\r\n":   421,
		"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n":       400,
		"GET /health HTTP/1.1\r\n":                                                400,
		"GET /health HTTP/1.1\r\nHost:\r\n":                                       200,
		"GET /health HTTP/1.0\r\n":                                                200,
		"GET /health HTTP/1.0\r\nHost: evil.example\r\n":                          421,
		"GET http://evil.example/health HTTP/1.0\r\n":                             421,
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n":                421,
	} {
		answer, err := onWire(t, s.Listener.Addr().String(), request+"Connection: close\r\n\r\n")
		if _, status, _ := strings.Cut(answer, " "); err != nil || !strings.HasPrefix(status, fmt.Sprint(want)) {
			t.Errorf("%q: %.40q, %v, want %d", request, answer, err, want)
		}
	}
}

// onWire sends a request with Connection: close and returns the answer.
func onWire(t *testing.T, addr, request string) (string, error) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// TestCheckAllowedHosts: host names are accepted, and anything else is rejected.
func TestCheckAllowedHosts(t *testing.T) {
	t.Parallel()
	if err := server.CheckAllowedHosts([]string{"onsale.example.com", "B.example.", " xn--80ak6aa92e.com", "api", "10.0.0.1"}); err != nil {
		t.Error(err)
	}
	for _, list := range [][]string{
		{"https://onsale.example.com"},
		{"onsale.example.com:8000"},
		{"onsale.example.com/path"},
		{"user@onsale.example.com"},
		{"*.example.com"},
		{"*"},
		{""},
		{"a.example", "b example"},
		{"bücher.example"},
		{strings.Repeat("a", 300)},
		slices.Repeat([]string{"a.example"}, 101),
	} {
		if err := server.CheckAllowedHosts(list); err == nil || !strings.HasPrefix(err.Error(), "must have ") {
			t.Errorf("%.50q: %v", list, err)
		}
	}
}

// FuzzHosts: a Host is accepted only if it is an address, has no dot, or is one of the
// names that are always allowed.
func FuzzHosts(f *testing.F) {
	for _, host := range []string{"localhost:8000", "[::1]:8000", "a.localhost", "evil.example:80", "host.docker.internal", "api.", "::1", "127.1", "[fe80::1%a]"} {
		f.Add(host)
	}
	front := server.NewFront(server.FrontOptions{Mounts: mounts, Loopback: true, Logger: slog.New(slog.DiscardHandler)})
	port := regexp.MustCompile(`:[0-9]*$`)
	f.Fuzz(func(t *testing.T, host string) {
		request := httptest.NewRequest(http.MethodGet, "/open/x", nil)
		request.Host = host
		answer := httptest.NewRecorder()
		front.ServeHTTP(answer, request)
		if answer.Code == http.StatusMisdirectedRequest {
			return
		}
		name := strings.ToLower(port.ReplaceAllString(host, ""))
		if strings.HasPrefix(name, "[") {
			name = strings.Trim(name, "[]")
		}
		_, notBare := netip.ParseAddr(host)
		_, notAddr := netip.ParseAddr(name)
		switch {
		case notBare == nil, notAddr == nil, name == "host.docker.internal", strings.HasSuffix(name, ".localhost"):
		case !strings.ContainsAny(name, ".@/%:[]"):
		default:
			t.Errorf("Host %q is accepted", host)
		}
	})
}
