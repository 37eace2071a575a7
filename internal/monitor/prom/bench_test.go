package prom_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/shirou/gopsutil/v4/process"

	"onsale/internal/monitor/prom"
)

// BenchmarkWatch measures the cost of monitoring a service of 2,100 series with 40 rules
// every second. It includes the service's own part of a scrape. One operation is one
// second. The relevant results are those of the whole process: % of a core, and MB
// resident. -benchtime=600x runs for ten minutes.
func BenchmarkWatch(b *testing.B) {
	reg := prometheus.NewRegistry()
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "request_duration_seconds", Help: "x",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 17), NativeHistogramBucketFactor: 1.1,
	}, []string{"endpoint"})
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "x"}, []string{"endpoint", "http_status"})
	stock := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "stock_tickets", Help: "x"}, []string{"concert"})
	reg.MustRegister(duration, requests, stock)
	traffic := func(second int) {
		for i := range 75 {
			endpoint := "/r" + strconv.Itoa(i)
			duration.WithLabelValues(endpoint).(prometheus.ExemplarObserver).ObserveWithExemplar(
				float64(i*second%977)/100, prometheus.Labels{"trace_id": strconv.Itoa(second)})
			for _, status := range []string{"200", "400", "404", "500"} {
				requests.WithLabelValues(endpoint, status).Add(float64(i % 7))
			}
		}
		for i := range 250 {
			stock.WithLabelValues(strconv.Itoa(i)).Set(float64(second % (i + 1)))
		}
	}
	traffic(0)
	web := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	defer web.Close()

	var rules strings.Builder
	rules.WriteString("groups:\n- name: bench\n  rules:\n")
	for i := range 10 {
		fmt.Fprintf(&rules, "  - {record: 'r:%d', expr: 'sum by (endpoint) (rate(http_requests_total{endpoint=~\"/r%d.?\"}[25s]))'}\n", i, i)
		fmt.Fprintf(&rules, "  - {alert: Failures%d, for: 5s, expr: 'sum(rate(http_requests_total{http_status=~\"5..\"}[25s])) / sum(rate(http_requests_total[25s])) > %d'}\n", i, 100+i)
		fmt.Fprintf(&rules, "  - {alert: Slow%d, for: 5s, expr: 'histogram_quantile(0.95, sum by (le) (rate(request_duration_seconds_bucket{endpoint=~\"/r%d.?\"}[25s]))) > 1000'}\n", i, i)
		fmt.Fprintf(&rules, "  - {alert: Stock%d, for: 5s, expr: 'max by (concert) (stock_tickets) < -%d'}\n", i, i)
	}
	s := start(b, prom.Options{
		Dir: b.TempDir(), Job: "bench", Targets: []string{web.URL}, Rules: []byte(rules.String()),
		ScrapeInterval: time.Second, EvaluationInterval: time.Second,
		ExternalURL: "http://127.0.0.1:8000", Send: new(outbox).send,
	})
	self, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		b.Fatal(err)
	}
	used := func() float64 {
		times, err := self.Times()
		if err != nil {
			b.Fatal(err)
		}
		return times.User + times.System
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	b.ResetTimer()
	before := used()
	for i := range b.N {
		traffic(i)
		<-second.C
	}
	b.ReportMetric((used()-before)/b.Elapsed().Seconds()*100, "%core")
	memory, err := self.MemoryInfo()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(memory.RSS)/1e6, "MB")
	if scraped := s.query(b, "scrape_samples_scraped"); len(scraped) != 1 {
		b.Errorf("scraped: %v", scraped)
	}
}
