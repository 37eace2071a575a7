package telemetry_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"onsale/internal/telemetry"
)

// testRoutes returns some routes of the API.
func testRoutes() []telemetry.Route {
	return []telemetry.Route{
		{Method: "GET", Endpoint: "/concerts"},
		{Method: "POST", Endpoint: "/buy/{concert_id}"},
		{Method: "POST", Endpoint: "/api/items"},
		{Method: "GET", Endpoint: "/health"},
		{Method: "GET", Endpoint: "/metrics"},
	}
}

// compareRequests compares http_requests_total with samples, one per line.
func compareRequests(t *testing.T, reg prometheus.Gatherer, samples string) {
	t.Helper()
	const head = `
# HELP http_requests_total Requests answered, by method, route and status.
# TYPE http_requests_total counter
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(head+samples+"\n"), "http_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestRoutesHaveSeriesFromTheStart(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	telemetry.NewHTTP(reg, testRoutes())

	compareRequests(t, reg, `
http_requests_total{endpoint="/api/items",method="POST",status="201"} 0
http_requests_total{endpoint="/buy/{concert_id}",method="POST",status="200"} 0
http_requests_total{endpoint="/concerts",method="GET",status="200"} 0
http_requests_total{endpoint="/health",method="GET",status="200"} 0
http_requests_total{endpoint="/metrics",method="GET",status="200"} 0`)

	families := gather(t, reg)
	if n := len(families["onsale_request_duration_seconds"].GetMetric()); n != len(testRoutes()) {
		t.Errorf("%d histograms by route, want %d", n, len(testRoutes()))
	}
	if m := families["request_duration_seconds"].GetMetric(); len(m) != 1 || len(m[0].GetLabel()) != 0 {
		t.Errorf("request_duration_seconds is %v, want one histogram without labels", m)
	}
}

func TestObserveCountsByRouteAndStatus(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := telemetry.NewHTTP(reg, testRoutes()[:2])

	h.Observe("GET", "/concerts", 200, 0.003)
	h.Observe("GET", "/concerts", 200, 0.004)
	h.Observe("POST", "/buy/{concert_id}", 409, 2.2)
	h.Observe("HEAD", "/concerts", 200, 0.001) // answered by the GET route
	h.Observe("HEAD", "/buy/{concert_id}", 405, 0.001)
	h.Observe("GET", "/buy/{concert_id}", 405, 0.001)
	h.Observe("GET", "/buy/17", 404, 0.001)
	h.Observe("get", "/concerts", 501, 0.001)
	h.Observe("BREW", "/pot", 418, 0.001)
	h.Observe("GET", "/concerts", 0, 0.001)
	h.Observe("GET", "/concerts", 600, 0.001)

	compareRequests(t, reg, `
http_requests_total{endpoint="/buy/{concert_id}",method="POST",status="200"} 0
http_requests_total{endpoint="/buy/{concert_id}",method="POST",status="409"} 1
http_requests_total{endpoint="/concerts",method="GET",status="200"} 2
http_requests_total{endpoint="/concerts",method="GET",status="500"} 2
http_requests_total{endpoint="/concerts",method="HEAD",status="200"} 1
http_requests_total{endpoint="unmatched",method="GET",status="404"} 1
http_requests_total{endpoint="unmatched",method="GET",status="405"} 1
http_requests_total{endpoint="unmatched",method="HEAD",status="405"} 1
http_requests_total{endpoint="unmatched",method="other",status="418"} 1
http_requests_total{endpoint="unmatched",method="other",status="501"} 1`)
	if n := histogram(t, reg, "request_duration_seconds").GetSampleCount(); n != 11 {
		t.Errorf("%d requests timed, want 11", n)
	}
}

// histogram returns the histogram of a metric with these label values, in order of the
// label names.
func histogram(t *testing.T, reg prometheus.Gatherer, name string, values ...string) *dto.Histogram {
	t.Helper()
	for _, m := range gather(t, reg)[name].GetMetric() {
		var got []string
		for _, l := range m.GetLabel() {
			got = append(got, l.GetValue())
		}
		if slices.Equal(got, values) {
			return m.GetHistogram()
		}
	}
	t.Fatalf("%s has no histogram %q", name, values)
	return nil
}

func TestHistogramsAreClassicAndNative(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := telemetry.NewHTTP(reg, testRoutes())
	for _, seconds := range []float64{0.3, 1.2, 2.6, 60} {
		h.Observe("POST", "/buy/{concert_id}", 200, seconds)
	}

	for name, labels := range map[string][]string{
		"request_duration_seconds":        nil,
		"onsale_request_duration_seconds": {"/buy/{concert_id}", "POST"},
	} {
		got := histogram(t, reg, name, labels...)
		counts := make(map[float64]uint64)
		for _, b := range got.GetBucket() {
			counts[b.GetUpperBound()] = b.GetCumulativeCount()
		}
		for bound, want := range map[float64]uint64{ // includes the thresholds of alerts
			0.001: 0, 0.25: 0, 0.5: 1, 1: 1, 2: 2, 2.5: 2, 3: 3, 4: 3, 5: 3, 7.5: 3, 10: 3,
		} {
			if n, ok := counts[bound]; !ok || n != want {
				t.Errorf("%s: bucket %v has %d (present: %t), want %d", name, bound, n, ok, want)
			}
		}
		if got.GetSchema() < 3 || len(got.GetPositiveSpan()) == 0 {
			t.Errorf("%s has no native buckets of factor 1.1: schema %d, spans %v",
				name, got.GetSchema(), got.GetPositiveSpan())
		}
		if got.GetSampleCount() != 4 || math.Abs(got.GetSampleSum()-64.1) > 1e-9 {
			t.Errorf("%s: count %d, sum %v", name, got.GetSampleCount(), got.GetSampleSum())
		}
	}
}

func TestImpossibleDurationsDoNotCorruptTheSum(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := telemetry.NewHTTP(reg, testRoutes())
	for _, seconds := range []float64{math.NaN(), math.Inf(-1), math.Inf(1), -1, 0.5} {
		h.Observe("GET", "/concerts", 200, seconds)
	}
	got := histogram(t, reg, "request_duration_seconds")
	if got.GetSampleSum() != 0.5 || got.GetSampleCount() != 5 {
		t.Errorf("sum %v of %d, want 0.5 of 5", got.GetSampleSum(), got.GetSampleCount())
	}
}

// TestSeriesStayBounded observes requests that match no route. The number of series must
// depend only on the routes and the statuses.
func TestSeriesStayBounded(t *testing.T) {
	t.Parallel()
	const requests = 10_000
	reg := prometheus.NewRegistry()
	h := telemetry.NewHTTP(reg, testRoutes())
	random := rand.New(rand.NewPCG(1, 2))
	statuses := []int{200, 404, 405, 409, 500}
	for range requests {
		method := fmt.Sprintf("M%X", random.Uint32())
		if random.IntN(2) == 0 {
			method = "GET"
		}
		path := fmt.Sprintf("/buy/%d", random.Uint64())
		h.Observe(method, path, statuses[random.IntN(len(statuses))], random.Float64())
	}

	families := gather(t, reg)
	// One per route, and those of GET and other with every status.
	if got, most := len(families["http_requests_total"].GetMetric()), len(testRoutes())+2*len(statuses); got > most {
		t.Errorf("%d series of http_requests_total, want at most %d", got, most)
	}
	if got, most := len(families["onsale_request_duration_seconds"].GetMetric()), len(testRoutes())+2; got > most {
		t.Errorf("%d series of onsale_request_duration_seconds, want at most %d", got, most)
	}
	var counted float64
	for _, m := range families["http_requests_total"].GetMetric() {
		counted += m.GetCounter().GetValue()
	}
	if counted != requests {
		t.Errorf("%v requests counted, want %d", counted, requests)
	}
}

func TestConcurrentFirstRequestsShareOneSeries(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := telemetry.NewHTTP(reg, testRoutes())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for status := 100; status < 600; status++ {
				h.Observe("PUT", "/nowhere", status, 0.01)
			}
		})
	}
	wg.Wait()
	for _, m := range gather(t, reg)["http_requests_total"].GetMetric() {
		if v := m.GetCounter().GetValue(); v != 0 && v != 8 {
			t.Errorf("%v counts %v, want 8", m.GetLabel(), v)
		}
	}
	if n := histogram(t, reg, "onsale_request_duration_seconds", "unmatched", "PUT").GetSampleCount(); n != 8*500 {
		t.Errorf("%d requests timed, want %d", n, 8*500)
	}
}

func TestInFlight(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := telemetry.NewHTTP(reg, testRoutes())
	inFlight := func() float64 {
		return gather(t, reg)["onsale_requests_in_flight"].GetMetric()[0].GetGauge().GetValue()
	}
	first, second := h.InFlight(), h.InFlight()
	if got := inFlight(); got != 2 {
		t.Errorf("%v in flight, want 2", got)
	}
	first()
	second()
	if got := inFlight(); got != 0 {
		t.Errorf("%v in flight, want 0", got)
	}
}

// Every request is observed, so Observe must not allocate memory. The test is not parallel
// because it counts the allocations of the whole process.
func TestObserveAllocatesNothing(t *testing.T) {
	h := telemetry.NewHTTP(prometheus.NewRegistry(), testRoutes())
	for name, observe := range map[string]func(){
		"a route":       func() { h.Observe("POST", "/buy/{concert_id}", 200, 2.5) },
		"another":       func() { h.Observe("GET", "/concerts", 404, 0.002) },
		"no route":      func() { h.Observe("GET", "/buy/17", 404, 0.001) },
		"no method":     func() { h.Observe("BREW", "/pot", 418, 0.001) },
		"in flight":     func() { h.InFlight()() },
		"no such state": func() { h.Observe("GET", "/concerts", 999, 0.002) },
	} {
		if n := testing.AllocsPerRun(1000, observe); n != 0 {
			t.Errorf("%s: %v allocations per call, want 0", name, n)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	h := telemetry.NewHTTP(prometheus.NewRegistry(), testRoutes())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		seconds := 0.001
		for pb.Next() {
			h.Observe("POST", "/buy/{concert_id}", 200, seconds)
			if seconds += 0.0001; seconds > 4 {
				seconds = 0.001
			}
		}
	})
}
