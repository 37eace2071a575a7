package verdict

import (
	"time"

	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// The minimum for judging figures that can recover while a test is running: the first
// requests pay for connections and cold caches, and the share or the tail of a few
// requests is chance.
const (
	graceTime     = 10 * time.Second
	graceRequests = 100
)

// Crossed returns the thresholds that a run has crossed so far, for --abort. All
// figures count from its start. Elapsed is how long the load has been at its wanted
// level; 0 while it still grows.
//
// Figures that cannot recover are judged at once: a number of failures, or a maximum.
// Others are judged after 10 seconds, shares and times only after 100 requests of their
// name. Thresholds that every run crosses at its start, such as requests<1000, are
// judged only at the end; so is whether any request had the name.
func Crossed(s stats.Snapshot, elapsed time.Duration, list []Threshold) []result.Check {
	var crossed []result.Check
	for _, t := range list {
		m := t.measure(s)
		if m.missing != "" || !t.ripe(m, elapsed) {
			continue
		}
		if check := t.check(m); check.Crossed {
			crossed = append(crossed, check)
		}
	}
	return crossed
}

// ripe reports whether the figure can be judged during the run.
func (t Threshold) ripe(m measured, elapsed time.Duration) bool {
	switch {
	case t.kind == times && t.metric == "max" && t.op.above(),
		t.kind == times && t.metric == "min" && !t.op.above():
		return true
	case t.kind == times || t.share:
		return elapsed >= graceTime && m.of >= graceRequests
	case t.kind == rate:
		return elapsed >= graceTime
	default:
		// A count only grows.
		return t.op.above()
	}
}
