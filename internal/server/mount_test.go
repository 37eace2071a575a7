package server_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"onsale/internal/server"
)

// echo answers with the method and the path of the request.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Method+" "+r.URL.Path)
})

var mounts = []server.Mount{
	{Pattern: "GET /{$}", Handler: echo, Page: true},
	{Pattern: "/open/", Handler: echo},
	{Pattern: "/silences", Handler: echo, Access: server.AdminWrites},
	{Pattern: "/crowd", Handler: echo, Access: server.Admin},
	{Pattern: "GET /broken", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") })},
}

// The same gate guards mounts with and without an API on the address.
func TestMountsAreGuarded(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) {
		o.AdminToken, o.OwnToken, o.Mounts = "secret", "own", mounts
	})
	front := server.NewFront(server.FrontOptions{Mounts: mounts, AdminToken: "secret", Logger: slog.New(slog.DiscardHandler)})
	for name, handler := range map[string]http.Handler{"with the API": r.handler, "alone": front} {
		for _, c := range []struct {
			method, path, token string
			want                int
			body                string
		}{
			{"GET", "/", "", 200, "GET /"},
			{"GET", "/open/a/b", "", 200, "GET /open/a/b"},
			{"POST", "/open/a", "", 200, "POST /open/a"},
			{"GET", "/silences", "", 200, "GET /silences"},
			{"HEAD", "/silences", "", 200, "HEAD /silences"},
			{"POST", "/silences", "", 401, `"code":"unauthorized"`},
			{"POST", "/silences", "wrong", 401, `"code":"unauthorized"`},
			{"POST", "/silences", "secret", 200, "POST /silences"},
			{"DELETE", "/silences", "", 401, `"code":"unauthorized"`},
			{"GET", "/crowd", "", 401, `"code":"unauthorized"`},
			{"GET", "/crowd", "secret", 200, "GET /crowd"},
			{"GET", "/nowhere", "", 404, `"code":"not_found"`},
			{"POST", "/", "", 405, `"code":"method_not_allowed"`},
			{"GET", "/broken", "", 500, `"code":"internal"`},
		} {
			request := httptest.NewRequest(c.method, c.path, nil)
			if c.token != "" {
				request.Header.Set("Authorization", "Bearer "+c.token)
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != c.want || !strings.Contains(answer.Body.String(), c.body) {
				t.Errorf("%s: %s %s with token %q: %d %s, want %d %s", name, c.method, c.path, c.token, answer.Code, answer.Body, c.want, c.body)
			}
			if got := answer.Header().Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("%s: %s %s: X-Content-Type-Options %q", name, c.method, c.path, got)
			}
		}
	}
}

// The program's own token opens admin calls only if OwnToken is set.
func TestOwnToken(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]int{"own": 200, "": 401} {
		r := newRig(t, func(o *server.Options) { o.AdminToken, o.OwnToken = "secret", own })
		request := httptest.NewRequest(http.MethodGet, "/books", nil)
		request.Header.Set("Authorization", "Bearer own")
		answer := httptest.NewRecorder()
		r.handler.ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("own token %q: %d, want %d", own, answer.Code, want)
		}
	}
}

// Requests that pages of other sites make to mounts are rejected, even if the gate is open.
func TestMountsRejectOtherSites(t *testing.T) {
	t.Parallel()
	front := server.NewFront(server.FrontOptions{
		Mounts: mounts, AdminToken: server.OpenToAll, AllowedHosts: []string{"example.com"}, Logger: slog.New(slog.DiscardHandler),
	})
	for site, want := range map[string]int{"cross-site": 403, "same-origin": 200} {
		request := httptest.NewRequest(http.MethodPost, "/silences", nil)
		request.Header.Set("Sec-Fetch-Site", site)
		answer := httptest.NewRecorder()
		front.ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("Sec-Fetch-Site %s: %d, want %d", site, answer.Code, want)
		}
	}
}

// Requests to mounts are not counted as calls of the API.
func TestMountsAreNotCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.Mounts = mounts })
	before := r.counted(t)
	for range 3 {
		r.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/open/x", nil))
	}
	if after := r.counted(t); after != before {
		t.Errorf("http_requests_total changed:\n%s\nwas:\n%s", after, before)
	}
}

// counted returns the series of http_requests_total as text.
func (r *rig) counted(t *testing.T) string {
	t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "http_requests_total" {
			return family.String()
		}
	}
	t.Fatal("http_requests_total is missing")
	return ""
}
