package server_test

import (
	"testing"
)

// TestSeriesAtRest bounds what a dashboard draws of a server that nobody has asked yet,
// but for probes and scrapes.
func TestSeriesAtRest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, when := range []string{"before the first request", "when probes and scrapes have come"} {
		if n := r.count(t, "http_requests_total"); n > 30 {
			t.Errorf("%d series of requests %s, want at most 30", n, when)
		}
		for _, path := range []string{"/health", "/ready", "/metrics"} {
			r.do("GET", path, "")
		}
	}
	before := r.count(t, "http_requests_total")
	r.do("GET", "/concerts/1", "")
	if got := r.series(t, "http_requests_total", "endpoint=/concerts/{id}", "status=503"); got != 0 {
		t.Errorf("the first 503 of a call in use would begin at %v", got)
	}
	if r.count(t, "http_requests_total") == before {
		t.Error("a call in use has no further series") // and the control above sees nothing
	}
}
