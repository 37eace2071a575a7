package wire_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"

	"onsale/internal/stress/wire"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, want, host, path string
		loopback               bool
	}{
		{"http://localhost:8000", "http://localhost:8000", "localhost:8000", "/x", false},
		{"http://localhost:8000/", "http://localhost:8000", "localhost:8000", "/x", false},
		{"localhost:8000", "http://localhost:8000", "localhost:8000", "/x", false},
		{"localhost", "http://localhost", "localhost", "/x", false},
		{"api.localhost:80", "http://api.localhost:80", "api.localhost", "/x", false},
		{"http://localhost.example.com", "http://localhost.example.com", "localhost.example.com", "/x", false},
		{"LocalHost.:80", "http://LocalHost.:80", "LocalHost.", "/x", false},
		{"127.1.2.3:5000", "http://127.1.2.3:5000", "127.1.2.3:5000", "/x", true},
		{"HTTPS://example.com:443/api//", "https://example.com:443/api", "example.com", "/api/x", false},
		{"https://example.com:80", "https://example.com:80", "example.com:80", "/x", false},
		{"http://[::1]:8000", "http://[::1]:8000", "[::1]:8000", "/x", true},
		{"[::1]", "http://[::1]", "[::1]", "/x", true},
		{"http://[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", "/x", true},
		{"http://[fe80::1%25eth0]:80/", "http://[fe80::1%25eth0]:80", "[fe80::1]", "/x", false},
		{"http://10.0.0.1/a%2fb/%C3%BC", "http://10.0.0.1/a%2fb/%C3%BC", "10.0.0.1", "/a%2fb/%C3%BC/x", false},
		{"http://notlocalhost", "http://notlocalhost", "notlocalhost", "/x", false},
		{"http://127.0.0.1.example.com", "http://127.0.0.1.example.com", "127.0.0.1.example.com", "/x", false},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			target := parse(t, test.text)
			if got := target.String(); got != test.want {
				t.Errorf("String() = %q, want %q", got, test.want)
			}
			if got := target.Loopback(); got != test.loopback {
				t.Errorf("Loopback() = %t, want %t", got, test.loopback)
			}
			ours, theirs := net.Pipe()
			asked := make(chan *http.Request, 1)
			go func() {
				r, err := http.ReadRequest(bufio.NewReader(theirs))
				if err != nil {
					r = &http.Request{}
				}
				asked <- r
				_, _ = theirs.Write([]byte(ok))
			}()
			c := wire.Over(target, wire.Options{}, ours)
			t.Cleanup(c.Close)
			if _, err := c.Do(t.Context(), get("/x")); err != nil {
				t.Fatal(err)
			}
			if r := <-asked; r.Host != test.host || r.RequestURI != test.path {
				t.Errorf("%q of %q was requested, want %q of %q", r.RequestURI, r.Host, test.path, test.host)
			}
		})
	}
}

// The error names what is not allowed in a target, and never quotes it.
func TestParseTargetRejects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                      "empty",
		"ftp://example.com":                     "scheme",
		"://example.com":                        "scheme",
		"http:/example.com":                     "//",
		"https:example.com":                     "port",
		"http://":                               "no host",
		"/path":                                 "no host",
		":8000":                                 "no host",
		"http://me:hunter2@example.com":         "password",
		"me:hunter2@example.com":                "password",
		"http://me:hunter2@a b":                 "host name",
		"http://me:hunter2":                     "port",
		"http://me:hun@ter2@example.com":        "password",
		"http://me:hunter2@example.com:hunter2": "port",
		"//me:hunter2@example.com":              "host",
		"me:hunter2":                            "port",
		"hunter2://example.com":                 "scheme",
		"http://example.com:12345hunter2":       "port",
		"http//me:hunter2@example.com":          "://",
		"http://h://me:hunter2@example.com":     "@",
		"http://hunter2%zz@example.com":         "escape",
		"http://example.com?hunter2":            "query",
		"http://example.com?a=b":                "query",
		"http://example.com/?":                  "query",
		"http://example.com/#a":                 "fragment",
		"http://example.com#":                   "fragment",
		"http://example.com:0":                  "port",
		"http://example.com:65536":              "port",
		"http://example.com:http":               "port",
		"http://münchen.de":                     "Punycode",
		"http://exa mple.com":                   "host name",
		"http://example.com/\n":                 "control character",
		"http://[::1":                           "]",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			target, err := wire.ParseTarget(text)
			if err == nil {
				t.Fatalf("%q is read as %s", text, target)
			}
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q, want one about %q and no password", err, want)
			}
		})
	}
}
