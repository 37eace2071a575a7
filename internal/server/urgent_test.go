package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
	"time"

	"onsale/internal/server"
)

// full is the Admit of a listener whose connections are all taken.
func full(_ http.ResponseWriter, r *http.Request, urgent func(*http.Request) bool) bool {
	return urgent(r)
}

// TestUrgentRequests: when all connections are taken, only probes and authorised admin
// calls are served.
func TestUrgentRequests(t *testing.T) {
	t.Parallel()
	const bearer, local = "Authorization: Bearer ", "Host: localhost"
	for _, c := range []struct {
		token                string
		method, path, header string
		urgent               bool
		body                 string
	}{
		{"secret", "GET", "/health", "", false, "x"},
		{"secret", "GET", "/health", "", true, ""},
		{"secret", "HEAD", "/ready", "", true, ""},
		{"secret", "GET", "/metrics", "", true, ""},
		{"secret", "POST", "/health", "", false, ""},
		{"secret", "GET", "/healthy", "", false, ""},
		{"secret", "GET", "/concerts", "", false, ""},
		{"secret", "GET", "/concerts", bearer + "secret", false, ""}, // not an admin call
		{"secret", "POST", "/buy/1", bearer + "secret", false, ""},
		{"secret", "GET", "/nowhere", bearer + "secret", false, ""},
		{"secret", "GET", "/faults", "", false, ""},
		{"secret", "GET", "/faults", bearer + "wrong", false, ""},
		{"secret", "GET", "/faults", bearer + "secret", true, ""},
		{"secret", "GET", "/books", bearer + "own", true, ""},
		{"secret", "GET", "/crowd", bearer + "secret", true, ""},
		{"secret", "PUT", "/crowd", bearer + "secret", true, ""},
		{"secret", "GET", "/silences", bearer + "secret", false, ""}, // open for reads
		{"secret", "POST", "/silences", bearer + "secret", true, ""},
		{"secret", "POST", "/silences", "", false, ""},
		{"secret", "GET", "/open/a", bearer + "secret", false, ""},
		{"", "GET", "/crowd", local, true, ""},
		{"", "GET", "/crowd", "Host: evil.example", false, ""},
		{"", "GET", "/crowd", "X-Forwarded-For: 1.2.3.4", false, ""},
		{"", "GET", "/concerts", local, false, ""},
		{server.OpenToAll, "GET", "/faults", "Host: evil.example", true, ""},
		{server.OpenToAll, "GET", "/concerts", "", false, ""},
	} {
		r := newRig(t, func(o *server.Options) {
			o.AdminToken, o.OwnToken, o.Mounts, o.Admit = c.token, "own", mounts, full
		})
		headers := []string{}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		w := r.do(c.method, c.path, c.body, headers...)
		if refused := w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "1"; refused == c.urgent {
			t.Errorf("token %q: %s %s with %q: %d %s", c.token, c.method, c.path, c.header, w.Code, w.Body)
		}
	}
}

// TestRejectedRequestsAreCounted under their call, and a purchase also as shed.
func TestRejectedRequestsAreCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.Admit = full })
	wantProblem(t, r.do("POST", "/buy/1", `{}`), 503, "busy")
	if n := r.series(t, "http_requests_total", "endpoint=/buy/{concert_id}", "status=503"); n != 1 {
		t.Errorf("%g requests counted", n)
	}
	if n := r.series(t, "onsale_purchases_total", "outcome=shed"); n != 1 {
		t.Errorf("%g purchases counted", n)
	}
}

// TestFrontCallsAdmit checks that a handler without an API calls Admit too.
func TestFrontCallsAdmit(t *testing.T) {
	t.Parallel()
	front := server.NewFront(server.FrontOptions{Mounts: mounts, AdminToken: "secret", Admit: full, Logger: slog.New(slog.DiscardHandler)})
	for path, want := range map[string]int{"/open/a": 503, "/crowd": 200} {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("Authorization", "Bearer secret")
		answer := httptest.NewRecorder()
		front.ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", path, answer.Code, want)
		}
	}
}

// TestWaitBeforeTheHandlerCounts as a part of the request's duration, because buyers
// experience it.
func TestWaitBeforeTheHandlerCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) {
		o.Waited = func(*http.Request) time.Duration { return time.Minute }
	})
	r.do("GET", "/concerts", "")
	if n := r.count(t, "request_duration_seconds"); n != 1 {
		t.Errorf("%d requests counted", n)
	}
	if text := r.do("GET", "/metrics", "").Body.String(); !regexp.MustCompile(`(?m)^request_duration_seconds_sum 60\.`).MatchString(text) {
		t.Errorf("the wait is missing from\n%s", text)
	}
}

// TestProbes checks the list of paths.
func TestProbes(t *testing.T) {
	t.Parallel()
	if got, want := server.Probes(), []string{"/-/healthy", "/-/ready", "/health", "/metrics", "/ready"}; !slices.Equal(got, want) {
		t.Errorf("probes are %q, want %q", got, want)
	}
}
