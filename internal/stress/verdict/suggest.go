package verdict

import (
	"fmt"
	"strings"

	"onsale/internal/stress/suggest"
)

// example returns a valid threshold of the same metric.
func (t *Threshold) example() string {
	metric := t.metric
	switch {
	case t.service:
		metric = "service." + metric
	case t.kind == outcome && metric != "denied" && metric != "sold_out":
		metric = "outcome." + metric
	}
	if t.name != "" {
		metric += "{" + t.name + "}"
	}
	switch t.kind {
	case times:
		return metric + ">500ms"
	case rate:
		return metric + "<1000"
	case requests:
		return metric + "<100"
	default:
		return metric + ">1%"
	}
}

// unknown returns the error for an unknown metric.
func unknown(metric string) error {
	var names []string
	for _, p := range percentiles() {
		names = append(names, p.name)
	}
	for _, c := range counters() {
		names = append(names, c.name)
	}
	all := fmt.Sprintf("the metrics are %s, service.p95 and so on, and outcome.KIND", strings.Join(names, ", "))
	for _, p := range percentiles() {
		names = append(names, "service."+p.name)
	}
	if meant := closest(metric, names); meant != "" {
		return fmt.Errorf("unknown metric %.40q (did you mean %s?); %s", metric, meant, all)
	}
	return fmt.Errorf("unknown metric %.40q; %s", metric, all)
}

// closest returns the metric that was probably meant; empty if none is similar.
func closest(metric string, names []string) string {
	if known := habit(metric); known != "" {
		return known
	}
	// k6 writes p(95).
	return suggest.Closest(strings.NewReplacer("(", "", ")", "", " ", "").Replace(metric), names)
}

// habit translates the names that other tools use.
func habit(metric string) string {
	switch metric {
	case "p999":
		return "p99.9"
	case "p9999":
		return "p99.99"
	case "median", "med":
		return "p50"
	case "average", "http_req_duration":
		return "mean"
	case "errors", "error", "fails", "fail", "failed", "failure", "error_rate", "failure_rate", "http_req_failed":
		return "failures"
	case "rate", "req/s", "reqs", "throughput", "http_reqs", "requests/s":
		return "rps"
	case "dropped", "dropped_iterations":
		return "not_sent"
	default:
		return ""
	}
}
