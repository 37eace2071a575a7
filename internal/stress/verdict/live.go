package verdict

import (
	"time"

	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// What a running test must have seen before a figure that may still recover
// ends it: the first requests pay for connections and cold caches, and the
// share or the tail of a few requests is chance.
const (
	graceTime     = 10 * time.Second
	graceRequests = 100
)

// Crossed returns the thresholds that a run that still goes on has crossed, for
// --abort. All figures are those since its start. Elapsed is how long the load
// has been what was asked for: while it still grows, that is 0.
//
// What cannot recover counts at once: too many failures in number, a maximum
// that is too high. Anything else counts after 10 seconds, and shares and times
// after 100 requests of their name besides. What every run crosses at its start
// and leaves behind, such as requests<1000, is not asked before the end; nor is
// whether a name was ever requested.
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

// ripe says whether the figure can be judged while the run goes on.
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
