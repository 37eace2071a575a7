package wire_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"onsale/internal/stress/wire"
)

// echo redirects from /{status}?to=LOCATION, and answers any other path with the
// request it received.
func echo(t *testing.T) *wire.Target {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/")); err == nil {
			w.Header()["Location"] = r.URL.Query()["to"]
			w.WriteHeader(status)
			return
		}
		fmt.Fprintf(w, "%s %s %q %d", r.Method, r.URL, r.Header.Get("Content-Type"), r.ContentLength)
	}))
	t.Cleanup(s.Close)
	return parse(t, s.URL)
}

// Redirects are followed as browsers do:
// https://fetch.spec.whatwg.org/#http-redirect-fetch.
func TestRedirects(t *testing.T) {
	t.Parallel()
	target := echo(t)
	for _, test := range []struct {
		method string
		status int
		to     string
		want   string
	}{
		{"GET", 301, "/there", `GET /there "" 0`},
		{"GET", 302, "there?a=b#c", `GET /there?a=b "" 0`},
		{"GET", 303, target.String() + "/there", `GET /there "" 0`},
		{"GET", 307, target.String(), `GET / "" 0`},
		{"GET", 308, "//" + target.String()[len("http://"):] + "/a%20b", `GET /a%20b "" 0`},
		{"POST", 301, "/there", `GET /there "" 0`},
		{"POST", 302, "/there", `GET /there "" 0`},
		{"POST", 303, "/there", `GET /there "" 0`},
		{"POST", 307, "/there", `POST /there "text/plain" 4`},
		{"POST", 308, "/there", `POST /there "text/plain" 4`},
		{"PUT", 302, "/there", `PUT /there "text/plain" 4`},
		{"PUT", 303, "/there", `GET /there "" 0`},
		{"HEAD", 303, "/there", ""},
	} {
		t.Run(fmt.Sprint(test.method, test.status), func(t *testing.T) {
			t.Parallel()
			c := client(t, target, wire.Options{Redirects: 1})
			r := &wire.Request{Method: test.method, Path: fmt.Sprintf("/%d?to=%s", test.status, strings.NewReplacer("%", "%25", "#", "%23").Replace(test.to))}
			if test.method == "POST" || test.method == "PUT" {
				r.Body = []byte("body")
				r.Header = []wire.Field{{Name: "Content-Type", Value: "text/plain"}}
			}
			if got := answered(t, c, r, 200, test.want); got.Redirects != 1 {
				t.Errorf("%d redirects, want 1", got.Redirects)
			}
			if len(r.Header) > 0 && r.Header[0].Name != "Content-Type" {
				t.Errorf("the request of the caller has changed: %v", r.Header)
			}
		})
	}
}

// Redirects to another host, and endless ones, are not followed, and do not disturb the
// next request.
func TestRedirectsNotFollowed(t *testing.T) {
	t.Parallel()
	target := echo(t)
	loop := answering(t, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
	for name, test := range map[string]struct {
		target *wire.Target
		path   string
		text   string
	}{
		"loop":           {loop.target, "/", "more than 5 redirects"},
		"another host":   {target, "/302?to=http://example.com/", "it redirects to another host"},
		"another port":   {target, "/302?to=http://127.0.0.1:1/", "it redirects to another scheme or port"},
		"another scheme": {target, "/302?to=https" + target.String()[len("http"):], "it redirects to another scheme or port"},
		"empty host":     {target, "/302?to=http:///", "it redirects to another host"},
		"no host":        {target, "/302?to=mailto:a@b", "it redirects to another scheme or port"},
		"no URL":         {target, "/302?to=http://%25", "its Location cannot be parsed"},
		"no port":        {target, "/302?to=http://127.0.0.1:x/", "its Location cannot be parsed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, test.target, wire.Options{Redirects: 5})
			for range 2 {
				// The error quotes nothing of the answer: reports show it, and count
				// equal failures together.
				if got := failed(t, c, get(test.path), wire.Redirect).text; got != "redirect: "+test.text {
					t.Errorf("%q, want %q", got, test.text)
				}
			}
			if test.target == target {
				answered(t, c, get("/there"), 200, `GET /there "" 0`)
			} else {
				loop.came(t, 1)
			}
		})
	}
}

// A redirect that must not be followed, and one without a usable location, are answers
// like any other.
func TestRedirectAsAnswer(t *testing.T) {
	t.Parallel()
	target := echo(t)
	for _, test := range []struct {
		path              string
		redirects, status int
	}{
		{"/302?to=/there", 0, 302},
		{"/302", 5, 302},
		{"/304?to=/there", 5, 304},
		{"/300?to=/there", 5, 300},
	} {
		c := client(t, target, wire.Options{Redirects: test.redirects})
		if r := answered(t, c, get(test.path), test.status, ""); r.Redirects != 0 {
			t.Errorf("%s: %d redirects", test.path, r.Redirects)
		}
	}
}
