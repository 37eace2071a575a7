package coverage_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"onsale/internal/app"
	"onsale/internal/app/apptest"
	"onsale/internal/monitor/coverage"
)

// Metrics of services that are not Onsale.
const (
	stranger = "# TYPE go_goroutines gauge\ngo_goroutines 9\nprocess_cpu_seconds_total 3\n"
	calls    = `http_requests_total{method="GET",endpoint="/concerts",status="200"} 5` + "\n"
	timed    = `request_duration_seconds_bucket{le="0.5"} 3
request_duration_seconds_bucket{le="5.0"} 4
request_duration_seconds_bucket{le="10.0"} 5
request_duration_seconds_bucket{le="+Inf"} 5
request_duration_seconds_sum 9
request_duration_seconds_count 5
`
	machine = "cpu_usage_percent 3\nmemory_usage_percent 4\n"
	items   = `total_requests_total 7
request_latency_bucket{le="0.5"} 3
request_latency_bucket{le="2.5"} 7
request_latency_bucket{le="+Inf"} 7
request_latency_sum 3
request_latency_count 7
`
)

// An alert can be evaluated if a target has its series, and only then.
func TestWhichAlertsCanBeEvaluated(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ exports, judged string }{
		"a service with none of the series":               {stranger, "InstanceDown"},
		"the earlier ticket service":                      {calls + timed + machine, "HighFailureRate HighLatency AvailabilityBurnFast AvailabilityBurnSlow InstanceDown MetricsMissing HighCPU HighMemory"},
		"the earlier items service":                       {items, "HighLatency ItemErrors InstanceDown"},
		"calls without the status":                        {`http_requests_total{code="200"} 5` + "\n", "InstanceDown"},
		"a histogram without buckets":                     {"request_duration_seconds_sum 9\nrequest_duration_seconds_count 5\n", "InstanceDown MetricsMissing"},
		"a summary":                                       {`request_duration_seconds{quantile="0.95"} 9` + "\n", "InstanceDown"},
		"a histogram with one bucket":                     {`request_duration_seconds_bucket{le="+Inf"} 5` + "\n", "InstanceDown"},
		"a histogram that ends at the limit":              {`request_duration_seconds_bucket{le="5"} 5` + "\n" + `request_duration_seconds_bucket{le="+Inf"} 5` + "\n", "InstanceDown"},
		"half of what an alert needs":                     {"onsale_queue_depth_orders 1\n", "InstanceDown MetricsMissing"},
		"a shop without concerts, before the first fails": {"onsale_concerts{state=\"on_sale\"} 0\nonsale_database_up 1\n" + calls, "HighFailureRate ConcertSoldOut AvailabilityBurnFast AvailabilityBurnSlow DatabaseErrors InstanceDown"},
		"a counter without a sample yet":                  {"# TYPE http_requests_total counter\n", "HighFailureRate ItemErrors AvailabilityBurnFast AvailabilityBurnSlow InstanceDown"},
		"a histogram without a sample yet":                {"# TYPE request_duration_seconds histogram\n", "HighLatency InstanceDown"},
		"a histogram with a TYPE and without buckets":     {"# TYPE request_duration_seconds histogram\nrequest_duration_seconds_sum 9\nrequest_duration_seconds_count 5\n", "InstanceDown MetricsMissing"},
		"a gauge without a value":                         {"# TYPE cpu_usage_percent gauge\n", "InstanceDown"},
		"a counter with a TYPE and without the status":    {"# TYPE http_requests_total counter\n" + `http_requests_total{code="200"} 5` + "\n", "InstanceDown"},
	}
	jobs := make(map[string][]string)
	for name, test := range tests {
		jobs[name] = []string{newTarget(t, test.exports).URL}
	}
	for name, w := range watchJobs(t, jobs) {
		want := tests[name].judged
		r := w.await(t, name+": "+want, func(r coverage.Report) bool { return r.Up == 1 && r.Unknown == 0 && in(r, coverage.Judged) == want })
		if r.Judged+r.NoSeries != len(r.Alerts) || r.Instances != 1 || r.CheckedAt == nil {
			t.Errorf("%s: report %+v", name, r)
		}
		for _, a := range r.Alerts {
			if (a.State == coverage.NoSeries) != (a.Reason != "") || (a.State == coverage.NoSeries) != (len(a.Missing) > 0) {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
}

// Negative control: for Onsale itself, every alert can be evaluated.
func TestEveryAlertOfOnsaleCanBeEvaluated(t *testing.T) {
	t.Parallel()
	w := watch(t, apptest.Start(t, func(o *app.Options) { o.DrainDelay = 0 }))
	r := w.await(t, "all alerts", func(r coverage.Report) bool { return r.Judged == len(r.Alerts) })
	if r.Note != "" || r.NoSeries+r.Unknown+r.Partly > 0 {
		t.Errorf("report %+v", r)
	}
}

// Before the first scrape, and while a target is down, its series are unknown. InstanceDown
// can be evaluated nevertheless.
func TestTargetThatIsDown(t *testing.T) {
	t.Parallel()
	shop := newTarget(t, "")
	w := watch(t, shop.URL)
	if r := w.report(t); r.Note != "no target has been scraped yet" || r.Unknown != len(r.Alerts) || r.CheckedAt != nil {
		t.Errorf("before the first check: %+v", r)
	}
	r := w.await(t, "the first scrape", func(r coverage.Report) bool { return r.Instances == 1 })
	if in(r, coverage.Judged) != "InstanceDown" || r.Unknown != len(r.Alerts)-1 || r.Up != 0 || r.Note != "no target answers" {
		t.Errorf("while it is down: %+v", r)
	}
	shop.export(stranger)
	r = w.await(t, "the target", func(r coverage.Report) bool { return r.Up == 1 })
	if r.Unknown != 0 || r.Note != "16 of 17 alerts have no series" {
		t.Errorf("when it is up: %+v", r)
	}
}

// The report shows when series end and when they return.
func TestSeriesThatEnd(t *testing.T) {
	t.Parallel()
	shop := newTarget(t, calls+machine)
	w := watch(t, shop.URL)
	judged := func(state coverage.State) func(coverage.Report) bool {
		return func(r coverage.Report) bool { return one(t, r, "HighCPU").State == state }
	}
	w.await(t, "HighCPU", judged(coverage.Judged))
	shop.export(calls)
	r := w.await(t, "HighCPU without series", judged(coverage.NoSeries))
	if a := one(t, r, "HighCPU"); a.Reason != "no cpu_usage_percent any more" {
		t.Errorf("%+v", a)
	}
	if a := one(t, r, "HighFailureRate"); a.State != coverage.Judged {
		t.Errorf("%+v", a)
	}
	// The series existed within the last hour, so this alert can still detect that it is missing.
	if a := one(t, r, "MetricsMissing"); a.State != coverage.Judged {
		t.Errorf("%+v", a)
	}
	shop.export(calls + machine)
	w.await(t, "HighCPU again", judged(coverage.Judged))
}

// With several targets, the report has the number of instances on which an alert can be
// evaluated.
func TestSeveralTargets(t *testing.T) {
	t.Parallel()
	bare := newTarget(t, calls).URL
	w := watch(t, newTarget(t, calls+timed+machine).URL, bare, newTarget(t, "").URL)
	r := w.await(t, "all targets", func(r coverage.Report) bool {
		return r.Instances == 3 && r.Up == 2 && one(t, r, "HighFailureRate").Instances == 2
	})
	for name, reason := range map[string]string{
		"HighFailureRate": "evaluated on 2 of 3 instances: the others do not answer",
		"HighCPU":         "evaluated on 1 of 3 instances: " + strings.TrimPrefix(bare, "http://") + " has no cpu_usage_percent",
		"HighDenialRate":  "no onsale_purchases_total{outcome!=''}",
		"InstanceDown":    "",
	} {
		if a := one(t, r, name); a.Reason != reason {
			t.Errorf("%+v, want the reason %q", a, reason)
		}
	}
	if want := "9 of 17 alerts have no series, 4 of 17 alerts have no series on some instances, 1 of 3 instances not answering"; r.Note != want {
		t.Errorf("note %q, want %q", r.Note, want)
	}
}

// The coverage is read-only.
func TestCoverageIsReadOnly(t *testing.T) {
	t.Parallel()
	w := watch(t, newTarget(t, stranger).URL)
	for method, want := range map[string]int{http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405, http.MethodDelete: 405} {
		answer := httptest.NewRecorder()
		w.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, "/coverage", strings.NewReader("{}")))
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", method, answer.Code, want)
		}
	}
}
