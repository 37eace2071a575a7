package metrics_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"onsale/internal/stress/metrics"
	"onsale/internal/stress/stats"
)

func newMetrics(tb testing.TB) (*metrics.Metrics, *prometheus.Registry) {
	tb.Helper()
	reg := prometheus.NewRegistry()
	return metrics.New(reg, metrics.Options{Scenario: "tickets", Host: "http://ada:lovelace@target:8000/base", Worker: "1/4"}), reg
}

func sample(ms int, class stats.Class, kind string) stats.Sample {
	took := time.Duration(ms) * time.Millisecond
	return stats.Sample{Response: took, Service: took / 2, Outcome: stats.Outcome{Class: class, Kind: kind}}
}

// wantSeries checks the values of counters and gauges.
func wantSeries(t *testing.T, reg *prometheus.Registry, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestOutcomesAreToldApart(t *testing.T) {
	t.Parallel()
	m, reg := newMetrics(t)
	for range 3 {
		m.Observe("POST", "/buy/[id]", sample(10, stats.OK, ""))
	}
	for range 2 {
		m.Observe("POST", "/buy/[id]", sample(10, stats.Business, "denied"))
	}
	m.Observe("POST", "/buy/[id]", sample(10, stats.Business, "sold_out"))
	m.Observe("POST", "/buy/[id]", sample(10, stats.Failed, stats.KindStatus))
	m.Observe("POST", "/buy/[id]", sample(10, stats.Failed, "reset"))
	m.Observe("POST", "/buy/[id]", sample(10, stats.Failed, "reset"))
	m.Observe("GET", "/concerts", sample(10, stats.OK, ""))
	wantSeries(t, reg, `
# HELP onsale_stress_requests_total Requests, by outcome.
# TYPE onsale_stress_requests_total counter
onsale_stress_requests_total{method="GET",name="/concerts",outcome="failed"} 0
onsale_stress_requests_total{method="GET",name="/concerts",outcome="ok"} 1
onsale_stress_requests_total{method="POST",name="/buy/[id]",outcome="denied"} 2
onsale_stress_requests_total{method="POST",name="/buy/[id]",outcome="failed"} 3
onsale_stress_requests_total{method="POST",name="/buy/[id]",outcome="ok"} 3
onsale_stress_requests_total{method="POST",name="/buy/[id]",outcome="sold_out"} 1
# HELP onsale_stress_failures_total Failed requests, by cause.
# TYPE onsale_stress_failures_total counter
onsale_stress_failures_total{kind="reset",method="POST",name="/buy/[id]"} 2
onsale_stress_failures_total{kind="status",method="POST",name="/buy/[id]"} 1
`, "onsale_stress_requests_total", "onsale_stress_failures_total")
}

func TestStateOfAWorker(t *testing.T) {
	t.Parallel()
	m, reg := newMetrics(t)
	m.Set(metrics.State{Users: 1, Due: 60, NotSent: 5, LateSeconds: 1})
	m.Set(metrics.State{Users: 2, Due: 80, NotSent: 5, LateSeconds: 1})
	m.Set(metrics.State{
		Users: 40, UsersWanted: 50, RateWanted: 12.5, InFlight: 7, Due: 20, NotSent: 3, // after a reset
		Lag: 1500 * time.Microsecond, CPU: 0.75, LateSeconds: 1, // also after a reset
	})
	wantSeries(t, reg, `
# HELP onsale_stress_cpu_ratio Share of its CPUs that the worker used in the last second.
# TYPE onsale_stress_cpu_ratio gauge
onsale_stress_cpu_ratio 0.75
# HELP onsale_stress_due_total Tasks that were due in the open model.
# TYPE onsale_stress_due_total counter
onsale_stress_due_total 100
# HELP onsale_stress_in_flight Tasks under way in the open model.
# TYPE onsale_stress_in_flight gauge
onsale_stress_in_flight 7
# HELP onsale_stress_info The load test that this worker runs; always 1.
# TYPE onsale_stress_info gauge
onsale_stress_info{host="http://target:8000/base",scenario="tickets",worker="1/4"} 1
# HELP onsale_stress_late_seconds_total Seconds in which the worker could not keep up.
# TYPE onsale_stress_late_seconds_total counter
onsale_stress_late_seconds_total 2
# HELP onsale_stress_not_sent_total Tasks that were due but not begun, because too many were in flight.
# TYPE onsale_stress_not_sent_total counter
onsale_stress_not_sent_total 8
# HELP onsale_stress_rate_wanted Wanted tasks per second; 0 in the closed model.
# TYPE onsale_stress_rate_wanted gauge
onsale_stress_rate_wanted 12.5
# HELP onsale_stress_send_lag_seconds Median lag of the worker itself in the last second.
# TYPE onsale_stress_send_lag_seconds gauge
onsale_stress_send_lag_seconds 0.0015
# HELP onsale_stress_users Running users.
# TYPE onsale_stress_users gauge
onsale_stress_users 40
# HELP onsale_stress_users_wanted Wanted users; 0 in the open model.
# TYPE onsale_stress_users_wanted gauge
onsale_stress_users_wanted 50
`)
}

func TestLinterIsContent(t *testing.T) {
	t.Parallel()
	m, reg := newMetrics(t)
	m.Observe("POST", "/buy/[id]", sample(10, stats.Failed, stats.KindStatus))
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// family returns all series of one name.
func family(t *testing.T, reg *prometheus.Registry, name string) []*dto.Metric {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name {
			return f.GetMetric()
		}
	}
	return nil
}

func TestBothTimesAreKept(t *testing.T) {
	t.Parallel()
	m, reg := newMetrics(t)
	m.Observe("GET", "/", sample(400, stats.OK, ""))
	m.Observe("GET", "/", stats.Sample{Response: -time.Second, Service: -1}) // the clock was set back
	for name, sum := range map[string]float64{"onsale_stress_response_seconds": 0.4, "onsale_stress_service_seconds": 0.2} {
		h := family(t, reg, name)[0].GetHistogram()
		// Schema 3 divides each doubling by 8.
		if h.GetSampleCount() != 2 || h.GetSampleSum() != sum || h.GetSchema() != 3 || h.GetZeroCount() != 1 || len(h.GetPositiveSpan()) == 0 {
			t.Errorf("%s: %v", name, h)
		}
		if n := len(h.GetBucket()); n == 0 || n > 20 {
			t.Errorf("%s has %d classic buckets", name, n)
		}
	}
}

func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	m, reg := newMetrics(t)
	for i := range 5000 {
		m.Observe("GET", fmt.Sprintf("/%d/%s\xff", i, strings.Repeat("x", 1000)), sample(1, stats.Failed, "reset"))
		m.Observe("GET", "/", sample(1, stats.Failed, fmt.Sprintf("kind %d", i)))
		m.Observe("GET", "/", sample(1, stats.Business, fmt.Sprintf("outcome %d", i)))
	}
	for name, most := range map[string]int{
		"onsale_stress_requests_total":   201*2 + 31,
		"onsale_stress_failures_total":   201 + 31,
		"onsale_stress_response_seconds": 201,
		"onsale_stress_service_seconds":  201,
	} {
		all, counted := family(t, reg, name), 0.0
		for _, s := range all {
			counted += s.GetCounter().GetValue() + float64(s.GetHistogram().GetSampleCount())
			for _, l := range s.GetLabel() {
				if len(l.GetValue()) > 200 {
					t.Fatalf("%s: a label of %d bytes", name, len(l.GetValue()))
				}
			}
		}
		want := 15_000.0
		if name == "onsale_stress_failures_total" {
			want = 10_000
		}
		if len(all) > most || len(all) < most-10 || counted != want {
			t.Errorf("%s: %d series that count %g, want %d and %g", name, len(all), counted, most, want)
		}
	}
}

func TestManyObserveAtOnce(t *testing.T) {
	t.Parallel()
	m, reg := newMetrics(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 3000 {
				m.Observe("GET", fmt.Sprint(i%300), sample(1, stats.OK, ""))
			}
		})
	}
	all.Wait()
	counted := 0.0
	for _, s := range family(t, reg, "onsale_stress_requests_total") {
		counted += s.GetCounter().GetValue()
	}
	if counted != 24_000 {
		t.Errorf("%g requests", counted)
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	m, _ := newMetrics(t)
	method, name := strings.Clone("POST"), strings.Clone("/buy/[id]")
	s := sample(10, stats.Failed, strings.Clone(stats.KindStatus))
	if n := testing.AllocsPerRun(1000, func() { m.Observe(method, name, s) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m, _ := newMetrics(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			m.Observe("POST", "/buy/[id]", stats.Sample{Response: time.Duration(i%1000) * time.Millisecond, Service: time.Millisecond})
		}
	})
}

// scrape requests the metrics once.
func scrape(h http.Handler, method string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/metrics", http.NoBody))
	return w.Code
}

// slow is a collector that takes a while.
type slow struct{ takes time.Duration }

func (slow) Describe(chan<- *prometheus.Desc) {}

func (s slow) Collect(chan<- prometheus.Metric) { time.Sleep(s.takes) }

func TestAwaitScrape(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t)
		reg.MustRegister(slow{time.Second})
		handler := m.Handler(slog.New(slog.DiscardHandler))
		seen := make(chan bool, 1)
		await := func(limit time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			seen <- m.AwaitScrape(ctx)
		}
		waiting := func(what string) {
			synctest.Wait()
			select {
			case <-seen:
				t.Fatalf("%s ends the wait", what)
			default:
			}
		}

		scrape(handler, http.MethodGet) // ended before the wait began
		go func() { scrape(handler, http.MethodGet) }()
		time.Sleep(time.Second / 2)
		go await(time.Minute)
		time.Sleep(time.Second)
		waiting("a scrape that had begun before")
		scrape(handler, http.MethodHead)
		waiting("a HEAD")
		if status := scrape(handler, http.MethodGet); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		if !<-seen {
			t.Error("the scrape was not seen")
		}

		began := time.Now()
		go await(time.Minute)
		if <-seen || time.Since(began) != time.Minute {
			t.Errorf("a wait without a scrape ended after %s", time.Since(began))
		}
	})
}

// TestAFailedScrapeDoesNotCount: a server that is too busy, or takes too long, answers
// 503.
func TestAFailedScrapeDoesNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t)
		reg.MustRegister(slow{time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		go func() {
			if status := scrape(m.Handler(slog.New(slog.DiscardHandler)), http.MethodGet); status != http.StatusServiceUnavailable {
				t.Errorf("status %d", status)
			}
		}()
		if m.AwaitScrape(ctx) {
			t.Error("a rejected scrape was counted")
		}
	})
}
