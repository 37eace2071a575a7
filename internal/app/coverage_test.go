package app_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"onsale/internal/app"
)

// notebook collects log lines.
type notebook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (n *notebook) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.Write(p)
}

func (n *notebook) lines(with string) (found []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for line := range strings.Lines(n.buf.String()) {
		if strings.Contains(line, with) {
			found = append(found, line)
		}
	}
	return found
}

// watchAlone runs `onsale monitor` at demo pace, with service as its target.
func watchAlone(t *testing.T, service http.Handler) (url string, log *notebook) {
	t.Helper()
	target := httptest.NewServer(service)
	t.Cleanup(target.Close)
	log = new(notebook)
	o := app.DefaultMonitorOptions()
	o.Listen, o.DataDir, o.Targets, o.Watch.Pace = "127.0.0.1:0", t.TempDir(), []string{target.URL}, "demo"
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	m, err := app.NewMonitor(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("monitor: %v", err)
		}
	})
	return "http://" + m.Addr(), log
}

// TestMonitorReportsMissingSeries monitors a service that exports none of the metrics that
// alerts need. The log and the coverage must report that.
func TestMonitorReportsMissingSeries(t *testing.T) {
	t.Parallel()
	url, log := watchAlone(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "go_goroutines 9")
	}))
	const line = "alerts cannot fire"
	await(t, "the log line", func() bool { return len(log.lines(line)) > 0 })
	for _, want := range []string{"count=16", "of=17", "HighCPU: no cpu_usage_percent;"} {
		if got := log.lines(line); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("the log has %q, want one line with %s", got, want)
		}
	}
	status, body := get(t, url+"/coverage")
	for _, want := range []string{`"note":"16 of 17 alerts have no series"`, `"name":"HighLatency","state":"no_series"`, `"name":"InstanceDown","state":"judged"`} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET /coverage: %d %s, want %s", status, body, want)
		}
	}
}

// TestEarlierServiceIsSlow monitors a service that exports only the metrics of the contract
// and answers every call in 5 to 10 s. Its many probes are fast.
func TestEarlierServiceIsSlow(t *testing.T) {
	t.Parallel()
	var scrapes atomic.Int64
	url, log := watchAlone(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		fmt.Fprintf(w, `http_requests_total{method="GET",endpoint="/concerts",status="200"} %[1]d
http_requests_total{method="GET",endpoint="/health",status="200"} %[2]d
request_duration_seconds_bucket{le="2.5"} %[2]d
request_duration_seconds_bucket{le="5.0"} %[2]d
request_duration_seconds_bucket{le="7.5"} %[3]d
request_duration_seconds_bucket{le="10.0"} %[4]d
request_duration_seconds_bucket{le="+Inf"} %[4]d
request_duration_seconds_count %[4]d
`, 2*n, 60*n, 61*n, 62*n)
	}))
	await(t, "HighLatency", func() bool {
		_, body := get(t, url+"/api/v1/alerts")
		return strings.Contains(body, `"alertname":"HighLatency"`) && strings.Contains(body, `"state":"firing"`)
	})
	_, body := get(t, url+"/coverage")
	if !strings.Contains(body, `"name":"HighLatency","state":"judged","instances":1`) {
		t.Errorf("the coverage is %s", body)
	}
	if lines := log.lines("HighLatency: no"); len(lines) > 0 {
		t.Errorf("the log has %q", lines)
	}
}
