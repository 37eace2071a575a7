package prom_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/model"

	"onsale/internal/monitor/prom"
)

// pace is the scrape and evaluation interval of the tests. deadline is how long they wait
// for a condition.
const (
	pace     = 200 * time.Millisecond
	deadline = 30 * time.Second
)

// target is a monitored service. It has a gauge that tests set, a classic and a native
// histogram with an exemplar, and it can fail on request.
type target struct {
	*httptest.Server

	heat  prometheus.Gauge
	down  atomic.Bool
	extra atomic.Pointer[string]
	// token is the last received Authorization header.
	token atomic.Pointer[string]
}

func newTarget(t *testing.T) *target {
	t.Helper()
	reg := prometheus.NewRegistry()
	a := &target{heat: prometheus.NewGauge(prometheus.GaugeOpts{Name: "heat_celsius", Help: "How hot it is."})}
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "request_duration_seconds", Help: "How long requests took.",
		Buckets: []float64{0.1, 1, 10}, NativeHistogramBucketFactor: 1.1,
	})
	reg.MustRegister(a.heat, duration)
	duration.(prometheus.ExemplarObserver).ObserveWithExemplar(0.5, prometheus.Labels{"trace_id": "abc123"})
	for range 9 {
		duration.Observe(0.5)
	}
	exposed := promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true})
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		a.token.Store(&header)
		switch {
		case a.down.Load():
			http.Error(w, "out", http.StatusServiceUnavailable)
		case r.URL.Path == "/extra" && a.extra.Load() != nil:
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = io.WriteString(w, *a.extra.Load())
		default:
			exposed.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *target) host() string { return strings.TrimPrefix(a.URL, "http://") }

// outbox collects the alerts that were sent.
type outbox struct {
	mu     sync.Mutex
	alerts []model.Alert
}

func (o *outbox) send(_ context.Context, alerts []*model.Alert) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range alerts {
		o.alerts = append(o.alerts, *a)
	}
}

func (o *outbox) all() []model.Alert {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]model.Alert(nil), o.alerts...)
}

// logbook collects log output as JSON lines.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logbook) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: level}))
}

// options returns options that monitor the target.
func options(t *testing.T, a *target) prom.Options {
	t.Helper()
	return prom.Options{
		Dir: filepath.Join(t.TempDir(), "metrics"), Job: "ticket_system", Targets: []string{a.URL},
		ScrapeInterval: pace, EvaluationInterval: pace,
		ExternalURL: "http://127.0.0.1:8000",
		Send:        new(outbox).send,
	}
}

// running is a running server with an HTTP listener.
type running struct {
	*prom.Server

	url string
	// stop stops the server and returns the error of Run.
	stop func() error
}

// start runs a server until the test ends or stops it.
func start(tb testing.TB, o prom.Options) *running {
	tb.Helper()
	s, err := prom.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	tb.Cleanup(web.Close)
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	tb.Cleanup(func() { _ = stop() })
	select {
	case <-s.Ready():
	case err := <-ended:
		tb.Fatalf("Run: %v", err)
	case <-time.After(deadline):
		tb.Fatal("the server did not become ready")
	}
	return &running{Server: s, url: web.URL, stop: stop}
}

// get calls the API and returns the status and the body.
func (r *running) get(tb testing.TB, path string) (status int, body string) {
	tb.Helper()
	response, err := http.Get(r.url + path) //nolint:forbidigo // a test needs no timeout of its own
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// data calls the API and decodes the data of its response.
func (r *running) data(tb testing.TB, path string, into any) {
	tb.Helper()
	status, body := r.get(tb, path)
	answer := struct {
		Status string
		Data   any
	}{Data: into}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || answer.Status != "success" {
		tb.Fatalf("GET %s: %d %s (%v)", path, status, body, err)
	}
}

// query returns the values of an instant query by their labels.
func (r *running) query(tb testing.TB, expr string) map[string]string {
	tb.Helper()
	var answer struct {
		Result []struct {
			Metric model.Metric
			Value  [2]any
		}
	}
	r.data(tb, "/api/v1/query?query="+url.QueryEscape(expr), &answer)
	values := make(map[string]string)
	for _, v := range answer.Result {
		values[v.Metric.String()] = fmt.Sprint(v.Value[1])
	}
	return values
}

// eventually waits until a condition is true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	again := time.NewTicker(pace / 4)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("timeout while waiting: %s", what)
		}
	}
}

// is waits until the query returns a single series with this value.
func (r *running) is(t *testing.T, expr, want string) {
	t.Helper()
	eventually(t, expr+" is "+want, func() bool {
		values := r.query(t, expr)
		if len(values) != 1 {
			return false
		}
		for _, v := range values {
			return v == want
		}
		return false
	})
}

// file writes a file into a new directory.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// testClient returns a client that leaves no connection open.
func testClient(t *testing.T) *http.Client {
	t.Helper()
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: deadline}
}

// statusAndBody sends a request and reads the response.
func statusAndBody(t *testing.T, request *http.Request) (status int, body string) {
	t.Helper()
	response, err := testClient(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode, bodyOf(t, response, nil)
}

// bodyOf reads the body of a response.
func bodyOf(t *testing.T, response *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
