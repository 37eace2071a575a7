package verdict

import (
	"fmt"
	"strings"
	"time"

	"onsale/internal/stress/stats"
)

// maxNamed is the number of names that a message lists.
const maxNamed = 5

// measured is the figure that a threshold is compared with.
type measured struct {
	value float64
	// of is the number of requests, or of due tasks, that it was measured on.
	of int64
	// missing is why there is no figure; empty if there is one.
	missing string
}

func (t Threshold) measure(s stats.Snapshot) measured {
	if t.kind == notSent {
		return t.countOf(s.NotSent, s.Due)
	}
	among := t.among(s)
	var of int64
	for _, summary := range among {
		of += summary.Requests
	}
	if missing := t.missing(s, of); missing != "" {
		return measured{missing: missing}
	}
	if t.kind == times {
		return measured{value: t.worst(among), of: of}
	}
	var value float64
	var count int64
	for _, summary := range among {
		switch t.kind {
		case rate:
			value += summary.Rate
		case requests:
			count += summary.Requests
		case failures:
			count += summary.Failures
		default:
			count += summary.Business[t.metric]
		}
	}
	if t.kind == rate {
		return measured{value: value, of: of}
	}
	return t.countOf(count, of)
}

// among returns the summaries of the threshold's name, one per method.
func (t Threshold) among(s stats.Snapshot) []stats.Summary {
	if t.name == "" {
		return []stats.Summary{s.Total}
	}
	var among []stats.Summary
	for _, e := range s.Entries {
		if e.Requests > 0 && (e.Name == t.name || e.Method+" "+e.Name == t.name) {
			among = append(among, e)
		}
	}
	return among
}

// missing returns why there is nothing to compare. A name that no request had is
// probably misspelt, and would then guard nothing. Only the number of its requests is
// known: 0.
func (t Threshold) missing(s stats.Snapshot, of int64) string {
	switch {
	case of > 0 || t.kind == requests:
		return ""
	case t.name == "" && t.kind == times:
		return "no request"
	case t.name == "":
		return ""
	}
	return "no request was named " + t.name + known(s)
}

func known(s stats.Snapshot) string {
	var names []string
	for _, e := range s.Entries {
		if e.Requests == 0 {
			continue
		}
		if len(names) == maxNamed {
			names = append(names, "…")
			break
		}
		names = append(names, strings.TrimSpace(e.Method+" "+e.Name))
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" (there were %s)", strings.Join(names, ", "))
}

// worst returns the time of the method that is closest to crossing the threshold.
func (t Threshold) worst(among []stats.Summary) float64 {
	var worst float64
	for i, summary := range among {
		latency := summary.Response
		if t.service && summary.Service != nil {
			latency = *summary.Service
		}
		v := timeOf(t.metric, latency)
		if i == 0 || t.op.above() == (v > worst) {
			worst = v
		}
	}
	return worst
}

func (t Threshold) countOf(count, of int64) measured {
	switch {
	case !t.share:
		return measured{value: float64(count), of: of}
	case of == 0:
		return measured{}
	default:
		return measured{value: float64(count) / float64(of), of: of}
	}
}

func seconds(m stats.MS) float64 { return time.Duration(m).Seconds() }
