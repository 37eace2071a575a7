package telemetry_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/telemetry"
)

func TestTraceID(t *testing.T) {
	t.Parallel()
	const id = "0af7651916cd43dd8448eb211c80319c"
	for parent, want := range map[string]string{
		"00-" + id + "-b7ad6b7169203331-01": id,
		"00-" + id + "-b7ad6b7169203331-00": id,
		"":                                  "",
		"00-" + id:                          "",
		"01-" + id + "-b7ad6b7169203331-01": "",
		"00-" + strings.ToUpper(id) + "-b7ad6b7169203331-01":      "",
		"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01":  "",
		"00-" + strings.Repeat("\"", 32) + "-b7ad6b7169203331-01": "",
		"00-" + id + "-b7ad6b7169203331-01-more":                  "",
		"00_" + id + "-b7ad6b7169203331-01":                       "",
	} {
		if got := telemetry.TraceID(http.Header{"Traceparent": {parent}}); got != want {
			t.Errorf("traceparent %q: %q, want %q", parent, got, want)
		}
	}
}

// A request with a trace is counted like any other, and its duration has an exemplar.
func TestObserveTrace(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := telemetry.NewHTTP(reg, testRoutes())
	h.ObserveTrace("POST", "/buy/{concert_id}", 200, 2.2, "0af7651916cd43dd8448eb211c80319c")
	h.ObserveTrace("POST", "/buy/{concert_id}", 200, 2.2, "")
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	answer := httptest.NewRecorder()
	telemetry.Handler(reg, slog.New(slog.DiscardHandler)).ServeHTTP(answer, request)
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`http_requests_total{endpoint="/buy/{concert_id}",method="POST",status="200"} 2.0`,
		`request_duration_seconds_bucket{le="2.5"} 2 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 2.2`,
		`onsale_request_duration_seconds_bucket{endpoint="/buy/{concert_id}",method="POST",le="2.5"} 2 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 2.2`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
