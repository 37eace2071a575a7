package coverage_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"onsale/internal/catalog"
	"onsale/internal/monitor/coverage"
	"onsale/internal/monitor/prom"
)

const (
	// every is how often the tests scrape.
	every = 100 * time.Millisecond
	// patience is how long they wait for what must come, on a busy machine.
	patience = 30 * time.Second
)

// target is a service that exports what a test says; nothing is no answer at all.
type target struct {
	*httptest.Server

	exports atomic.Pointer[string]
}

func newTarget(t *testing.T, exports string) *target {
	t.Helper()
	a := new(target)
	a.exports.Store(&exports)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text := *a.exports.Load()
		if text == "" {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *target) export(text string) { a.exports.Store(&text) }

// watched is the coverage of targets that a real Prometheus scrapes.
type watched struct{ http.Handler }

// watch scrapes targets for a test.
func watch(t *testing.T, urls ...string) watched {
	t.Helper()
	settings := catalog.DefaultSettings()
	c := coverage.New(coverage.Options{
		Job: settings.Job, Alerts: catalog.Alerts(settings, catalog.Real()), Scrape: every,
		Logger: slog.New(slog.DiscardHandler),
	})
	server, err := prom.New(prom.Options{
		Dir: filepath.Join(t.TempDir(), "metrics"), Job: settings.Job, Targets: urls,
		ScrapeInterval: every, EvaluationInterval: every, ExternalURL: "http://127.0.0.1:8000",
		Send: func(context.Context, []*model.Alert) {},
		Beside: func(ctx context.Context, inside prom.Inside) {
			c.Run(ctx, coverage.Source{
				Query: func(ctx context.Context, expr string) ([]coverage.Sample, error) {
					found, err := inside.Query(ctx, expr)
					var all []coverage.Sample
					for _, one := range found {
						all = append(all, coverage.Sample{Labels: one.Metric.Map(), Value: one.F})
					}
					return all, err
				},
				Announces: func(instance, metric string) bool { return inside.Announces(settings.Job, instance, metric) },
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("prometheus: %v", err)
		}
	})
	return watched{c.Handler()}
}

// report asks for what is known now.
func (w watched) report(t *testing.T) coverage.Report {
	t.Helper()
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/coverage", http.NoBody))
	var r coverage.Report
	if err := json.Unmarshal(answer.Body.Bytes(), &r); err != nil || answer.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", answer.Code, answer.Body, err)
	}
	return r
}

// await waits until a report is as it should be, and returns it.
func (w watched) await(t *testing.T, what string, holds func(coverage.Report) bool) coverage.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(every / 2)
	defer again.Stop()
	for {
		r := w.report(t)
		if holds(r) {
			return r
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			text, _ := json.MarshalIndent(r, "", " ")
			t.Fatalf("waited in vain for %s: %s", what, text)
		}
	}
}

// in returns the names of the alerts in a state, sorted as the catalogue has them.
func in(r coverage.Report, state coverage.State) string {
	var names []string
	for _, a := range r.Alerts {
		if a.State == state {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, " ")
}

// one returns what is known of an alert.
func one(t *testing.T, r coverage.Report, name string) coverage.Alert {
	t.Helper()
	for _, a := range r.Alerts {
		if a.Name == name {
			return a
		}
	}
	t.Fatalf("no alert %s in %v", name, r)
	return coverage.Alert{}
}
