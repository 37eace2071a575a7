package verdict

import (
	"slices"

	"onsale/internal/stress/stats"
)

// Threshold is a condition that fails a run, such as p95{/buy/[id]}>500ms.
type Threshold struct {
	// expr is the threshold as the user wrote it.
	expr string
	// metric is the canonical name of the metric, without "service." and "outcome.".
	metric string
	kind   kind
	// service selects the service time instead of the response time.
	service bool
	// name is a name of the statistics, or method and name; empty means all requests.
	name string
	op   operator
	// limit is in seconds, requests a second or requests. If share is set, it is from 0
	// to 1.
	limit float64
	share bool
}

// String returns the threshold as the user wrote it.
func (t Threshold) String() string { return t.expr }

// kind is the kind of a metric: how it is measured and in what unit.
type kind int

const (
	// times are percentiles, mean, min and max, in seconds.
	times kind = iota
	rate
	requests
	// failures, outcome and notSent are counts, or shares.
	failures
	outcome
	notSent
)

// operator compares a measured value with a limit.
type operator string

func (o operator) holds(value, limit float64) bool {
	switch o {
	case ">":
		return value > limit
	case ">=":
		return value >= limit
	case "<":
		return value < limit
	default:
		return value <= limit
	}
}

// above reports whether large values cross the threshold.
func (o operator) above() bool { return o[0] == '>' }

// words returns the operator in words.
func (o operator) words() string {
	switch o {
	case ">":
		return "over"
	case ">=":
		return "not under"
	case "<":
		return "under"
	default:
		return "not over"
	}
}

// percentile is a time metric and its name.
type percentile struct {
	name string
	of   func(l stats.Latency) stats.MS
}

func percentiles() []percentile {
	return []percentile{
		{"p50", func(l stats.Latency) stats.MS { return l.P50 }},
		{"p66", func(l stats.Latency) stats.MS { return l.P66 }},
		{"p75", func(l stats.Latency) stats.MS { return l.P75 }},
		{"p80", func(l stats.Latency) stats.MS { return l.P80 }},
		{"p90", func(l stats.Latency) stats.MS { return l.P90 }},
		{"p95", func(l stats.Latency) stats.MS { return l.P95 }},
		{"p98", func(l stats.Latency) stats.MS { return l.P98 }},
		{"p99", func(l stats.Latency) stats.MS { return l.P99 }},
		{"p99.9", func(l stats.Latency) stats.MS { return l.P999 }},
		{"p99.99", func(l stats.Latency) stats.MS { return l.P9999 }},
		{"mean", func(l stats.Latency) stats.MS { return l.Mean }},
		{"avg", func(l stats.Latency) stats.MS { return l.Mean }},
		{"min", func(l stats.Latency) stats.MS { return l.Min }},
		{"max", func(l stats.Latency) stats.MS { return l.Max }},
	}
}

// timeOf returns the value of a time metric, in seconds.
func timeOf(metric string, l stats.Latency) float64 {
	all := percentiles()
	i := slices.IndexFunc(all, func(p percentile) bool { return p.name == metric })
	return seconds(all[i].of(l))
}

// counter is a metric that is not a time.
type counter struct {
	name string
	kind kind
}

func counters() []counter {
	return []counter{
		{"failures", failures},
		{"requests", requests},
		{"rps", rate},
		{"denied", outcome},
		{"sold_out", outcome},
		{"not_sent", notSent},
	}
}
