package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"onsale/internal/server"
)

// TestTrailingSlash checks that a trailing slash redirects to the path without it, as in
// the earlier service.
func TestTrailingSlash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct{ method, path, location string }{
		{"GET", "/concerts/", "/concerts"},
		{"HEAD", "/concerts/", "/concerts"},
		{"GET", "/concerts/?after=3&limit=2", "/concerts?after=3&limit=2"},
		{"GET", "/concerts/1/", "/concerts/1"},
		{"GET", "/concerts//", "/concerts"},
		{"POST", "/concerts/new/", "/concerts/new"},
		{"POST", "/buy/1/", "/buy/1"},
		{"POST", "/buy_random_deny/1/", "/buy_random_deny/1"},
		{"GET", "/buy/1/", "/buy/1"}, // where the answer is 405
		{"GET", "/purchases/", "/purchases"},
		{"DELETE", "/purchases/0190a5d2-0000-7000-8000-000000000000/", "/purchases/0190a5d2-0000-7000-8000-000000000000"},
		{"GET", "/books/", "/books"},
		{"PUT", "/faults/", "/faults"},
		{"GET", "/health/", "/health"},
		{"GET", "/ready/", "/ready"},
		{"GET", "/metrics/", "/metrics"},
		{"POST", "/api/token/", "/api/token"},
		{"POST", "/api/items/", "/api/items"},
		{"DELETE", "/api/items/abc%2Fd/", "/api/items/abc%2Fd"},
	} {
		w := r.do(c.method, c.path, "")
		if got := w.Header().Get("Location"); w.Code != http.StatusTemporaryRedirect || got != c.location {
			t.Errorf("%s %s: %d to %q, want 307 to %q", c.method, c.path, w.Code, got, c.location)
		}
	}
	for _, want := range [][]string{{"method=GET", "endpoint=/health"}, {"method=POST", "endpoint=/buy/{concert_id}"}} {
		if got := r.series(t, "http_requests_total", append(want, "status=307")...); got != 1 {
			t.Errorf("%v redirects are counted under %v, want 1", got, want)
		}
	}
	for _, name := range []string{"total_requests_total", "request_latency", "error_rate_total"} {
		if got := r.series(t, name); got != 0 {
			t.Errorf("%s counts %v redirects, want none", name, got)
		}
	}
}

// TestTrailingSlashRedirectsOnlyToCalls tries paths that could redirect clients to another
// host or to a path that does not exist.
func TestTrailingSlashRedirectsOnlyToCalls(t *testing.T) {
	t.Parallel()
	mounted := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "mounted") })
	r := newRig(t, func(o *server.Options) {
		o.Mounts = []server.Mount{{Pattern: "/api/v1/", Handler: mounted}, {Pattern: "GET /inbox", Handler: mounted}}
	})
	for _, path := range []string{
		"//evil.example/", "///evil.example/", `/\evil.example/`, "/%5Cevil.example/", "/%2F%2Fevil.example/", "//evil.example/concerts/",
		"/evil.example//", "/.//evil.example/", "/concerts/..//evil.example/", `/concerts/\evil.example/`, "/concerts/%2F%2Fevil.example/",
		"/buy//", "/api/items//x/", "/%0d%0aLocation:%20http:%2F%2Fevil.example/",
	} {
		// With an absolute target, httptest does not parse the first segment as a host.
		w := r.do("GET", "http://localhost:8000"+path, "")
		location := w.Header().Get("Location")
		if strings.HasPrefix(location, "//") || strings.HasPrefix(location, `/\`) || location != "" && !strings.HasPrefix(location, "/") {
			t.Errorf("%s redirects to %q", path, location)
		}
	}
	for path, want := range map[string]int{"/api/v1/": 200, "/api/v1/query/": 200, "/inbox/": 404, "/docs/": 404, "/api/items/": 404, "/": 302} {
		if w := r.do("GET", path, ""); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if n := r.count(t, "http_requests_total"); n > 120 {
		t.Errorf("%d series of requests", n)
	}
}

// TestClientsFollowTheTrailingSlash buys with a standard HTTP client.
func TestClientsFollowTheTrailingSlash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.concert(t, 10)
	listening := httptest.NewServer(r.handler)
	t.Cleanup(listening.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s/buy/%d/", listening.URL, id),
		strings.NewReader(`{"user_email":"ada@example.com","quantity":3}`))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := listening.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(body), `"quantity":3`) {
		t.Errorf("%d %s, want 3 tickets", answer.StatusCode, body)
	}
	if got := r.series(t, "onsale_purchases_total", "outcome=sold"); got != 1 {
		t.Errorf("%v purchases are counted, want 1", got)
	}
}
