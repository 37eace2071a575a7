package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"onsale/internal/server"
)

// fromElsewhere are headers of requests to localhost:8000 that a page of another site makes
// a browser send.
var fromElsewhere = map[string][]string{
	"image":            {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"},
	"script":           {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script", "Referer: https://evil.example/"},
	"fetch":            {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Origin: https://evil.example"},
	"sandboxed fetch":  {"Sec-Fetch-Site: cross-site", "Origin: null"},
	"frame":            {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"},
	"link or form":     {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-User: ?1", "Sec-Fetch-Dest: document"},
	"unknown relation": {"Sec-Fetch-Site: elsewhere"},
	"claim of a host":  {"Sec-Fetch-Site: cross-site", "Origin: http://localhost:8000", "Referer: http://localhost:8000/"},
	// Over plain HTTP to an address that is not loopback, and from older browsers.
	"old fetch":           {"Origin: http://evil.example"},
	"old sandboxed fetch": {"Origin: null"},
	"old image":           {"Referer: http://evil.example/page"},
	"old image, port":     {"Referer: http://localhost:3000/"},
	"old image, no port":  {"Referer: http://localhost/"},
	"old image, user":     {"Referer: http://localhost:8000@evil.example/"},
	"old image, broken":   {"Referer: http://[::1/"},
	"old image, opaque":   {"Referer: about:blank"},
}

// fromHere are headers of requests from this server's own pages, from pages of the same
// site, from a typed address, and from programs other than browsers.
var fromHere = map[string][]string{
	"program":          nil,
	"own page":         {"Sec-Fetch-Site: same-origin", "Referer: http://localhost:8000/"},
	"neighbour":        {"Sec-Fetch-Site: same-site", "Origin: http://localhost:3000"},
	"typed":            {"Sec-Fetch-Site: none"},
	"own page, old":    {"Referer: http://localhost:8000/"},
	"own page, TLS":    {"Referer: https://LOCALHOST:8000/graph?q=1"},
	"own fetch, old":   {"Origin: http://localhost:8000"},
	"origin and other": {"Origin: http://localhost:8000", "Referer: http://evil.example/"},
}

// guarded are mounts like those of the monitoring, and mounts for admins.
var guarded = []server.Mount{
	{Pattern: "GET /{$}", Handler: echo, Page: true},
	{Pattern: "GET /graph", Handler: echo, Page: true},
	{Pattern: "/api/v1/", Handler: echo},
	{Pattern: "/api/v2/", Handler: echo, Access: server.AdminWrites},
	{Pattern: "GET /inbox", Handler: echo},
	{Pattern: "/crowd", Handler: echo, Access: server.Admin},
	{Pattern: "/stress/", Handler: echo, Access: server.Admin},
}

// TestCrossSiteReads: a page of another site cannot make a browser run a query, scrape
// metrics or make an admin call.
func TestCrossSiteReads(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.Mounts = guarded })
	front := server.NewFront(server.FrontOptions{Mounts: guarded, Loopback: true, Logger: slog.New(slog.DiscardHandler)})
	alone := &rig{handler: front}
	type place struct {
		path    string
		ofAPI   bool
		methods []string
	}
	all := []string{"GET", "HEAD", "OPTIONS"}
	reads := all[:2] // OPTIONS always gets 405 there
	for _, p := range []place{
		{"/api/v1/query?query=up", false, all},
		{"/api/v2/alerts", false, all},
		{"/stress/events", false, all},
		{"/crowd", false, all},
		{"/inbox", false, reads},
		{"/metrics", true, reads},
		{"/books", true, reads},
		{"/purchases", true, reads},
		{"/faults", true, reads},
	} {
		for _, method := range p.methods {
			handlers := []*rig{r, alone}
			if p.ofAPI {
				handlers = handlers[:1]
			}
			for _, rig := range handlers {
				for name, headers := range fromElsewhere {
					if w := rig.do(method, p.path, "", headers...); w.Code != http.StatusForbidden {
						t.Errorf("%s of %s %s: %d %s, want 403", name, method, p.path, w.Code, w.Body)
					} else {
						wantProblem(t, w, http.StatusForbidden, "cross_origin")
					}
				}
				for name, headers := range fromHere {
					if w := rig.do(method, p.path, "", headers...); w.Code != http.StatusOK {
						t.Errorf("%s of %s %s: %d %s, want 200", name, method, p.path, w.Code, w.Body)
					}
				}
			}
		}
	}
	// OPTIONS is rejected like GET.
	for _, path := range []string{"/metrics", "/inbox", "/books"} {
		wantProblem(t, r.do("OPTIONS", path, "", fromElsewhere["fetch"]...), http.StatusForbidden, "cross_origin")
	}
	if got := r.series(t, "http_requests_total", "method=GET", "endpoint=/metrics", "status=403"); got != float64(len(fromElsewhere)) {
		t.Errorf("%v rejected scrapes are counted, want %d", got, len(fromElsewhere))
	}
}

// TestCrossSiteSpellings: other spellings of a guarded path are rejected, not found, or
// redirected to a path that is rejected.
func TestCrossSiteSpellings(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.Mounts = guarded })
	s := httptest.NewServer(r.handler)
	defer s.Close()
	for _, path := range []string{
		"//api/v1/query", "/api//v1/query", "/./api/v1/query", "/api/v1/../v1/query", "/concerts/../api/v1/query", "/api/v1/%2e%2e/v1/query",
		"/api/v1", "/api/v1/", "/api%2Fv1/query", "/API/v1/query", "/api/v1;x/query", "/api/v1/query/", "/api/%76%31/query", "/metrics/", "//metrics",
		"/%6detrics", "/metrics?x", "/metrics/../metrics", "/inbox/", "/inbox/../inbox", "/Inbox", "/inbox%00", "/docs/../metrics",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Opaque = "//" + s.Listener.Addr().String() + path // sent unchanged
		request.Header.Set("Sec-Fetch-Site", "cross-site")
		client := &http.Client{CheckRedirect: func(next *http.Request, _ []*http.Request) error {
			next.Header.Set("Sec-Fetch-Site", "cross-site")
			return nil
		}}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden && answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}

// TestCrossSitePages: pages of other sites can link to pages, and can read the open calls
// of the API.
func TestCrossSitePages(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.Mounts = guarded })
	r.concert(t, 10)
	for _, path := range []string{"/", "/graph", "/docs", "/docs/start.js", "/openapi.json", "/concerts", "/concerts/1", "/health", "/ready"} {
		for name, headers := range fromElsewhere {
			if w := r.do("GET", path, "", headers...); w.Code != http.StatusOK {
				t.Errorf("%s of %s: %d %s", name, path, w.Code, w.Body)
			}
		}
	}
}
