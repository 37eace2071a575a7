package catalog_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"

	"onsale/internal/catalog"
)

// The series of a minute in which the earlier service, or a similar one, served 100
// calls: 94 succeeded, 4 failed, and 2 returned 409. Scrapes do not count.
const earlierService = `
  http_requests_total{job="ticket_system",endpoint="/concerts",method="GET",status="200"} 0+10x12
  http_requests_total{job="ticket_system",endpoint="/buy/7",method="POST",status="200"} 0+84x12
  http_requests_total{job="ticket_system",endpoint="/buy/7",method="POST",status="500"} 0+3x12
  http_requests_total{job="ticket_system",endpoint="/buy/8",method="POST",status="404"} 0+1x12
  http_requests_total{job="ticket_system",endpoint="/buy_random_deny/7",method="POST",status="409"} 0+2x12
  http_requests_total{job="ticket_system",endpoint="/metrics",method="GET",status="200"} 0+100x12
  http_requests_total{job="another",endpoint="/",method="GET",status="500"} 0+100x12
  request_duration_seconds_bucket{job="ticket_system",le="0.1"} 0+50x12
  request_duration_seconds_bucket{job="ticket_system",le="4"} 0+100x12
  request_duration_seconds_bucket{job="ticket_system",le="+Inf"} 0+100x12
  cpu_usage_percent{job="ticket_system",instance="a"} 40x12
  memory_usage_percent{job="ticket_system",instance="a"} 60x12
`

// onsale adds the series that only Onsale has. They show which of the 409 were
// denied.
const onsale = earlierService + `
  onsale_purchases_total{job="ticket_system",outcome="sold",instance="a"} 0+84x12
  onsale_purchases_total{job="ticket_system",outcome="denied",instance="a"} 0+0.5x12
  onsale_purchases_total{job="ticket_system",outcome="sold_out",instance="a"} 0+1x12
  onsale_purchases_total{job="ticket_system",outcome="sold_out",instance="b"} 0+0.5x12
`

// quiet is a service that has served only scrapes.
const quiet = `
  http_requests_total{job="ticket_system",endpoint="/metrics",method="GET",status="200"} 0+1x12
  http_requests_total{job="ticket_system",endpoint="/concerts",method="GET",status="200"} 0x12
`

// TestFailureRate evaluates the panel on series with known shares.
func TestFailureRate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, series string
		want         map[string]float64 // by legend; missing legends draw nothing
	}{
		{"the earlier service", earlierService, map[string]float64{"failed": 4, "denied or sold out": 2}},
		{"onsale", onsale, map[string]float64{"failed": 4, "denied": 0.5, "sold out": 1.5}},
		{"no traffic", quiet, map[string]float64{"failed": 0}},
		{"down", "up{job=\"ticket_system\"} 0x12", map[string]float64{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := evaluate(t, tt.series, everyPanel()["tickets, Failure Rate (%)"])
			for legend, value := range got {
				if want, ok := tt.want[legend]; !ok || math.Abs(value-want) > 1e-6 {
					t.Errorf("%s is %v, want %v", legend, value, want)
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestSixPanelsNeedOnlyTheContract evaluates the first row on the series of the
// earlier service.
func TestSixPanelsNeedOnlyTheContract(t *testing.T) {
	t.Parallel()
	for _, p := range catalog.Dashboards()[0].Rows[0].Panels {
		got := evaluate(t, earlierService, p)
		if len(got) == 0 {
			t.Errorf("%s draws nothing", p.Title)
		}
		for legend, value := range got {
			if math.IsNaN(value) || math.IsInf(value, 0) {
				t.Errorf("%s: %s is %v", p.Title, legend, value)
			}
		}
	}
}

// TestProbesDoNotLowerLatency checks that the panel reads only the histogram by
// route if it exists. Every purchase takes 4 s, and every scrape a millisecond.
func TestProbesDoNotLowerLatency(t *testing.T) {
	t.Parallel()
	got := evaluate(t, earlierService+`
  onsale_request_duration_seconds_bucket{job="ticket_system",endpoint="/buy/{concert_id}",le="3.999"} 0x12
  onsale_request_duration_seconds_bucket{job="ticket_system",endpoint="/buy/{concert_id}",le="4.001"} 0+1x12
  onsale_request_duration_seconds_bucket{job="ticket_system",endpoint="/buy/{concert_id}",le="+Inf"} 0+1x12
  onsale_request_duration_seconds_bucket{job="ticket_system",endpoint="/metrics",le="0.001"} 0+100x12
  onsale_request_duration_seconds_bucket{job="ticket_system",endpoint="/metrics",le="+Inf"} 0+100x12
`, everyPanel()["tickets, Response Time (Latency) p50/p95"])
	for _, legend := range []string{"p50", "p95"} {
		if math.Abs(got[legend]-4) > 0.001 {
			t.Errorf("%s is %v s, want 4 s", legend, got[legend])
		}
	}
}

// evaluate loads the series and returns the last value of each query with a result,
// by legend.
func evaluate(t *testing.T, series string, p catalog.Panel) map[string]float64 {
	t.Helper()
	load := "load 5s\n"
	for line := range strings.Lines(series) {
		if line = strings.TrimSpace(line); line != "" { // an empty line would end the series
			load += "  " + line + "\n"
		}
	}
	store := promqltest.LoadedStorage(t, load)
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	values := map[string]float64{}
	for _, q := range p.Queries {
		query, err := engine.NewInstantQuery(t.Context(), store, nil, variables.Replace(q.Expr), time.Unix(60, 0))
		if err != nil {
			t.Fatal(err)
		}
		result := query.Exec(t.Context())
		if result.Err != nil {
			t.Fatalf("%s: %v", q.Expr, result.Err)
		}
		vector, ok := result.Value.(promql.Vector)
		if !ok {
			t.Fatalf("%s returns a %T", q.Expr, result.Value)
		}
		for _, sample := range vector {
			values[q.Legend] = sample.F
		}
		query.Close()
	}
	return values
}
