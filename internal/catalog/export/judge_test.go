package export_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"

	"onsale/internal/catalog"
	"onsale/internal/catalog/export"
)

// The metrics pages of services that are not Onsale.
const (
	// earlier is the earlier ticket service. It has only the contract's series.
	earlier = `# TYPE http_requests_total counter
http_requests_total{method="GET",endpoint="/concerts",status="200"} 5
# TYPE request_duration_seconds histogram
request_duration_seconds_bucket{le="2.5"} 1
request_duration_seconds_bucket{le="10.0"} 1
request_duration_seconds_bucket{le="+Inf"} 1
request_duration_seconds_sum 1
request_duration_seconds_count 1
# TYPE cpu_usage_percent gauge
cpu_usage_percent 10
memory_usage_percent 10
process_cpu_seconds_total 1
`
	// idle is the same service before its first request, as Python's library
	// exports it.
	idle = `# HELP http_requests_total requests
# TYPE http_requests_total counter
# TYPE request_duration_seconds histogram
request_duration_seconds_bucket{le="10.0"} 0
request_duration_seconds_bucket{le="+Inf"} 0
request_duration_seconds_sum 0
request_duration_seconds_count 0
cpu_usage_percent 10
memory_usage_percent 10
`
	// coded counts requests with another label.
	coded = `http_requests_total{method="GET",path="/",code="200"} 5
`
	// items has the series of the earlier items service.
	items = `total_requests_total 1
processing_time_bucket{le="+Inf"} 1
processing_time_sum 1
processing_time_count 1
request_latency_bucket{le="2.5"} 1
request_latency_bucket{le="+Inf"} 1
request_latency_sum 1
request_latency_count 1
average_request_size 2
active_users 1
error_rate_total 1
total_items_created_total 1
user_activity_total{user_id="guest"} 1
`
	// process has only the series of every Go program.
	process = `go_goroutines 8
process_start_time_seconds 1.7e9
`
	// atRest is an Onsale without concerts or calls.
	atRest = `onsale_queue_limit_orders 8192
`
)

// exportFor returns the options of an export for a service.
func exportFor(t *testing.T, page string) export.Options {
	t.Helper()
	o := export.DefaultOptions()
	o.Metrics = new(export.Metrics)
	if err := o.Metrics.Read(strings.NewReader(page)); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestAlertsThatCannotFireAreLeftOut exports alerts for services that are not
// Onsale.
func TestAlertsThatCannotFireAreLeftOut(t *testing.T) {
	t.Parallel()
	calls := []string{"HighFailureRate", "AvailabilityBurnFast", "AvailabilityBurnSlow"}
	machine := []string{"HighCPU", "HighMemory", "MetricsMissing"}
	inside := []string{
		"HighDenialRate", "ConcertSoldOut", "BooksDoNotBalance", "LatencyBurnFast", "LatencyBurnSlow",
		"DatabaseErrors", "DatabaseSlow", "QueueFilling",
	}
	timed, ofItems := []string{"HighLatency"}, []string{"ItemErrors"}
	for name, c := range map[string]struct {
		page       string
		kept, gone []string
	}{
		"earlier":            {earlier, slices.Concat(calls, machine, timed), slices.Concat(inside, ofItems)},
		"idle":               {idle, slices.Concat(calls, machine, timed), slices.Concat(inside, ofItems)},
		"another label":      {coded, nil, slices.Concat(calls, machine, inside, timed, ofItems)},
		"items":              {items, slices.Concat(timed, ofItems), slices.Concat(calls, machine, inside)},
		"items and tickets":  {items + earlier, slices.Concat(calls, machine, timed, ofItems), inside},
		"only Go":            {process, nil, slices.Concat(calls, machine, inside, timed, ofItems)},
		"Onsale at rest":     {atRest, slices.Concat(calls, machine, inside, timed, ofItems), nil},
		"buckets too narrow": {strings.ReplaceAll(earlier, `"10.0"`, `"0.5"`), calls, slices.Concat(inside, timed)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := exportFor(t, c.page)
			got := alertsOf(rulesOf(t, o))
			for _, alert := range append(c.kept, "InstanceDown") {
				if !slices.Contains(got, alert) {
					t.Errorf("%s is left out", alert)
				}
			}
			set, err := export.New(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, alert := range c.gone {
				listed := slices.ContainsFunc(set.LeftOutRules, func(l export.LeftOut) bool {
					return l.What == "alert "+alert && len(l.Missing) > 0 && strings.Contains(l.String(), l.Missing[0])
				})
				if slices.Contains(got, alert) || !listed {
					t.Errorf("%s is exported, or is not listed as left out with a reason: %v", alert, set.LeftOutRules)
				}
			}
			if all := len(catalog.Alerts(o.Settings, o.Pace)); len(got)+len(set.LeftOutRules) != all {
				t.Errorf("%d alerts are exported and %d left out, want %d together", len(got), len(set.LeftOutRules), all)
			}
		})
	}
}

// TestRulesReadExistingSeries checks that the remaining rules read only the
// service's series or earlier recordings, and that every recording is read.
func TestRulesReadExistingSeries(t *testing.T) {
	t.Parallel()
	for _, page := range []string{earlier, idle, coded, items, process, atRest} {
		rules := rulesOf(t, exportFor(t, page))
		recorded := make(map[string]bool)
		for i, r := range rules {
			for _, selector := range selectorsOf(t, r.Expr) {
				for _, m := range selector {
					if m.Name != model.MetricNameLabel || m.Value == "up" || page == atRest {
						continue
					}
					known := slices.ContainsFunc(strings.Split(m.Value, "|"), func(name string) bool {
						return recorded[name] || strings.Contains(page, name)
					})
					// Parts of these rules, after "or", are for other services.
					if !known && r.Alert != "HighLatency" && r.Alert != "ItemErrors" {
						t.Errorf("%s%s reads %s, which does not exist", r.Record, r.Alert, m.Value)
					}
				}
			}
			if r.Record == "" {
				continue
			}
			recorded[r.Record] = true
			if !slices.ContainsFunc(rules[i+1:], func(after rule) bool { return strings.Contains(after.Expr, r.Record) }) {
				t.Errorf("nothing reads the recording %s", r.Record)
			}
		}
	}
}

// TestPanelsThatDrawNothingAreLeftOut checks the dashboards for services that are
// not Onsale.
func TestPanelsThatDrawNothingAreLeftOut(t *testing.T) {
	t.Parallel()
	contract := []string{
		"Rate of Endpoint calls", "Response Time (Latency) p50/p95", "Memory Usage (%)",
		"CPU Usage (%)", "Request Rate (req/s)", "Failure Rate (%)",
	}
	for name, c := range map[string]struct {
		page       string
		dashboards []string
		kept, gone []string
	}{
		"earlier": {
			earlier,
			[]string{"tickets.json", "runtime.json"},
			append(contract, "Alerts firing", "CPU of the process (%)", "Targets up"),
			[]string{"Queue depth and limit", "Database", "Active faults", "Queue and batches", "Goroutines", "Go", "Open files"},
		},
		"items": {
			items,
			[]string{"tickets.json", "items.json", "runtime.json"},
			[]string{"Total Requests", "User Activity", "Error Rate", "Alerts firing"},
			append(contract, "Sales", "Process"),
		},
		"only Go":        {process, []string{"tickets.json", "runtime.json"}, []string{"Goroutines", "Uptime"}, contract},
		"Onsale at rest": {atRest, []string{"tickets.json", "items.json", "runtime.json"}, append(contract, "Database", "Fullest concerts"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := export.New(exportFor(t, c.page))
			if err != nil {
				t.Fatal(err)
			}
			var files, titles []string
			for _, f := range dashboards(t, set) {
				files = append(files, f.Name)
				titles = append(titles, titlesOf(t, c.page, f)...)
			}
			if !slices.Equal(files, c.dashboards) {
				t.Errorf("dashboards %q, want %q", files, c.dashboards)
			}
			for _, title := range c.kept {
				if !slices.Contains(titles, title) {
					t.Errorf("%q is left out", title)
				}
			}
			for _, title := range c.gone {
				if slices.Contains(titles, title) {
					t.Errorf("%q is not left out", title)
				}
			}
			if c.gone != nil && len(set.LeftOutPanels) == 0 {
				t.Error("the left-out panels are not listed")
			}
		})
	}
}

// titlesOf returns the titles of the panels and rows of a dashboard. It checks that
// each query reads a series of the page or one that Prometheus creates.
func titlesOf(t *testing.T, page string, f export.File) []string {
	t.Helper()
	var d struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(f.Content, &d); err != nil {
		t.Fatal(err)
	}
	var titles []string
	for i, p := range d.Panels {
		titles = append(titles, p.Title)
		if p.Type == "row" && (i == len(d.Panels)-1 || d.Panels[i+1].Type == "row") {
			t.Errorf("%s: the row %q is empty", f.Name, p.Title)
		}
		for _, target := range p.Targets {
			found := page == atRest
			for _, selector := range selectorsOf(t, strings.ReplaceAll(target.Expr, "$window", "1m")) {
				for _, m := range selector {
					own := m.Value == "up" || m.Value == "ALERTS" || strings.HasPrefix(m.Value, "scrape_")
					found = found || m.Name == model.MetricNameLabel && (own || strings.Contains(page, m.Value))
				}
			}
			if !found {
				t.Errorf("%s: %q queries %s, which does not exist", f.Name, p.Title, target.Expr)
			}
		}
	}
	return titles
}
