package server_test

import (
	"testing"
)

// TestSeriesAtRest limits the number of series of a server that has received only probes
// and scrapes, because dashboards draw all series.
func TestSeriesAtRest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, when := range []string{"before the first request", "after probes and scrapes"} {
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
		t.Errorf("the 503 series of a call in use starts at %v, want 0", got)
	}
	if r.count(t, "http_requests_total") == before {
		t.Error("the first request of a call created no series") // so the check above proves nothing
	}
}
