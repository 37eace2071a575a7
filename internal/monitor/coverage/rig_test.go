package coverage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	every = 500 * time.Millisecond
	// patience is how long the tests wait for a condition, on a busy machine.
	patience = time.Minute
)

// target is a service whose metrics the test sets. Without metrics it does not answer.
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

// watched is the coverage of a job that a real Prometheus scrapes.
type watched struct{ http.Handler }

// watch scrapes targets as one job until the test ends.
func watch(t *testing.T, urls ...string) watched {
	t.Helper()
	return watchJobs(t, map[string][]string{"shop": urls})["shop"]
}

// watchJobs scrapes the targets of several jobs with one Prometheus.
func watchJobs(t *testing.T, jobs map[string][]string) map[string]watched {
	t.Helper()
	covered, config := make(map[string]*coverage.Coverage), "scrape_configs:\n"
	all := make(map[string]watched)
	for job, urls := range jobs {
		var hosts []string
		for _, u := range urls {
			hosts = append(hosts, strings.TrimPrefix(u, "http://"))
		}
		config += fmt.Sprintf("- job_name: %q\n  scrape_interval: %s\n  scrape_timeout: %[2]s\n  fallback_scrape_protocol: PrometheusText0.0.4\n"+
			"  static_configs: [{targets: [%s]}]\n", job, every, strings.Join(hosts, ", "))
		settings := catalog.DefaultSettings()
		settings.Job = job
		covered[job] = coverage.New(coverage.Options{
			Job: job, Alerts: catalog.Alerts(settings, catalog.Real()), Scrape: every, Logger: slog.New(slog.DiscardHandler),
		})
		all[job] = watched{covered[job].Handler()}
	}
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := prom.New(prom.Options{
		Dir: filepath.Join(t.TempDir(), "metrics"), ConfigFile: file, Job: slices.Sorted(maps.Keys(jobs))[0],
		ScrapeInterval: every, EvaluationInterval: every, ExternalURL: "http://127.0.0.1:8000",
		Send: func(context.Context, []*model.Alert) {},
		WhileScraping: func(ctx context.Context, from prom.Source) {
			var running sync.WaitGroup
			for job, c := range covered {
				running.Go(func() { c.Run(ctx, source(from, job)) })
			}
			running.Wait()
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
	return all
}

// source adapts a Prometheus for the coverage.
func source(from prom.Source, job string) coverage.Source {
	return coverage.Source{
		Query: func(ctx context.Context, expr string) ([]coverage.Sample, error) {
			found, err := from.Query(ctx, expr)
			var all []coverage.Sample
			for _, one := range found {
				all = append(all, coverage.Sample{Labels: one.Metric.Map(), Value: one.F})
			}
			return all, err
		},
		Announces: func(instance, metric string) bool { return from.Announces(job, instance, metric) },
	}
}

// report requests the current report.
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

// await waits for a report for which holds returns true, and returns it.
func (w watched) await(t *testing.T, what string, holds func(coverage.Report) bool) coverage.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(every / 5)
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
			t.Fatalf("timeout while waiting for %s: %s", what, text)
		}
	}
}

// in returns the names of the alerts in a state, in the order of the catalogue.
func in(r coverage.Report, state coverage.State) string {
	var names []string
	for _, a := range r.Alerts {
		if a.State == state {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, " ")
}

// one returns the result for an alert.
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
