package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/telemetry"
)

// TestDisconnectedScraperIsNotAnError, whether it disconnects before the metrics are
// gathered, meanwhile, or while the answer is sent.
func TestDisconnectedScraperIsNotAnError(t *testing.T) {
	t.Parallel()
	for name, scrapeThen := range map[string]func(h http.Handler, b blocking, r *http.Request, hangUp func()){
		"before": func(h http.Handler, _ blocking, r *http.Request, hangUp func()) {
			hangUp()
			h.ServeHTTP(httptest.NewRecorder(), r)
		},
		"while gathered": func(h http.Handler, b blocking, r *http.Request, hangUp func()) {
			go func() {
				<-b.entered
				hangUp()
				b.release <- struct{}{}
			}()
			h.ServeHTTP(httptest.NewRecorder(), r)
		},
		"while sent": func(h http.Handler, b blocking, r *http.Request, _ func()) {
			go func() {
				<-b.entered
				b.release <- struct{}{}
			}()
			h.ServeHTTP(broken{httptest.NewRecorder()}, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := telemetry.NewRegistry(testBuild())
				b := blocking{make(chan struct{}, 1), make(chan struct{}, 1)}
				if name == "before" {
					b.release <- struct{}{}
				}
				reg.MustRegister(b)
				var log bytes.Buffer
				h := telemetry.Handler(reg, slog.New(slog.NewTextHandler(&log, nil)))
				ctx, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				scrapeThen(h, b, httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil), hangUp)
				synctest.Wait() // for a Gather that is still running
				if log.Len() > 0 {
					t.Errorf("log is\n%s", log.String())
				}
			})
		})
	}
}

// broken is the answer on a connection that the scraper has closed.
type broken struct{ *httptest.ResponseRecorder }

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// moody is a collector with an error or nil.
type moody struct{ err error }

func (*moody) Describe(chan<- *prometheus.Desc) {}

func (m *moody) Collect(out chan<- prometheus.Metric) {
	if m.err != nil {
		out <- prometheus.NewInvalidMetric(prometheus.NewDesc("onsale_moody", "Fails.", nil, nil), m.err)
	}
}

func TestErrorsOfMetricsAreLoggedWhenTheyChange(t *testing.T) {
	t.Parallel()
	reg := telemetry.NewRegistry(testBuild())
	m := new(moody)
	reg.MustRegister(m)
	var log bytes.Buffer
	h := telemetry.Handler(reg, slog.New(slog.NewTextHandler(&log, nil)))
	one, another := errors.New("one"), errors.New("another")
	for i, step := range []struct {
		err  error
		want string // a part of the only log line; "" means no line
	}{
		{nil, ""},
		{one, "one"},
		{one, ""},
		{another, "another"},
		{another, ""},
		{one, "one"},
		{nil, "metrics are served again"},
		{nil, ""},
		{one, "one"},
	} {
		log.Reset()
		m.err = step.err
		scrape(t, h)
		lines := strings.Count(log.String(), "\n")
		if step.want == "" && lines != 0 || step.want != "" && (lines != 1 || !strings.Contains(log.String(), step.want)) {
			t.Errorf("step %d: want one line with %q, or no line for \"\":\n%s", i, step.want, log.String())
		}
	}
}

// TestScrapeTimeoutsAreLoggedOnce, for any number of scrapes.
func TestScrapeTimeoutsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := telemetry.NewRegistry(testBuild())
		b := blocking{make(chan struct{}, 10), make(chan struct{}, 10)}
		reg.MustRegister(b)
		var log bytes.Buffer
		h := telemetry.Handler(reg, slog.New(slog.NewTextHandler(&log, nil)))
		for range 3 {
			began := time.Now()
			if rec := scrape(t, h); rec.Code != http.StatusServiceUnavailable {
				t.Errorf("answered %d after %s, want 503", rec.Code, time.Since(began))
			}
			b.release <- struct{}{}
			synctest.Wait() // the Gather ends too late
		}
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "not gathered within 10s") {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
		b.release <- struct{}{}
		if rec := scrape(t, h); rec.Code != http.StatusOK || !strings.Contains(log.String(), "metrics are served again") {
			t.Errorf("the last scrape got %d, log is\n%s", rec.Code, log.String())
		}
	})
}
