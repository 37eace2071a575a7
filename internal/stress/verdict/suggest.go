package verdict

import (
	"fmt"
	"slices"
	"strings"
)

// example returns a threshold of the same metric that is well written.
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

// unknown is the error of a metric that there is not.
func unknown(metric string) error {
	var names []string
	for _, p := range percentiles() {
		names = append(names, p.name)
	}
	for _, c := range counters() {
		names = append(names, c.name)
	}
	all := fmt.Sprintf("there are %s, service.p95 and its like, and outcome.KIND", strings.Join(names, ", "))
	for _, p := range percentiles() {
		names = append(names, "service."+p.name)
	}
	if guess := closest(metric, names); guess != "" {
		return fmt.Errorf("there is no metric %.40q (did you mean %s?); %s", metric, guess, all)
	}
	return fmt.Errorf("there is no metric %.40q; %s", metric, all)
}

// closest returns what was probably meant; empty if nothing is near.
func closest(metric string, names []string) string {
	if known := habit(metric); known != "" {
		return known
	}
	// k6 writes p(95).
	metric = strings.NewReplacer("(", "", ")", "", " ", "").Replace(metric)
	// A third of the letters may be wrong, and one in a short word.
	best, least := "", replaced*max(1, len(metric)/3)+1
	for _, name := range names {
		if d := distance(metric, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// habit translates what people know from other tools.
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

// What a wrong letter costs. Two that changed places are one slip of the
// fingers: p59 is nearer to p95 than to p50.
const (
	swapped  = 1
	replaced = 2
)

// distance adds up the letters to add, drop, replace or swap with their
// neighbour to make one word of the other (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j * replaced
	}
	for i := 1; i <= len(a); i++ {
		row := slices.Repeat([]int{i * replaced}, len(b)+1)
		for j := 1; j <= len(b); j++ {
			cost := replaced
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+replaced, row[j-1]+replaced, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+swapped)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
