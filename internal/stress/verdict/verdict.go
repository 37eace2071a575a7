// Package verdict says whether a load test passed: it reads the thresholds of
// --fail-if, compares them with what was measured, and tells the target's
// faults from the tester's own.
//
// A threshold says what must not be: the run fails where it is true. That is
// the other way round from k6, whose thresholds say what must be.
package verdict

import (
	"fmt"
	"slices"

	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// Judge compares a run with its thresholds. The tester having been the
// bottleneck beats all else, as the figures are its own then and not the
// target's. A run fails as well, whatever its thresholds are, if nothing was
// sent, and, unless they speak of failures themselves, if nothing but failures
// came of it: times of requests that failed prove nothing. The exception is a
// run without thresholds, which fails only if nothing was sent.
func Judge(s stats.Snapshot, self stats.Self, list []Threshold) result.Verdict {
	v := result.Verdict{Code: result.Passed, Checks: make([]result.Check, 0, len(list))}
	var crossed []string
	for _, t := range list {
		m := t.measure(s)
		check := t.check(m)
		v.Checks = append(v.Checks, check)
		if check.Crossed {
			crossed = append(crossed, t.reason(m))
		}
	}
	if self.Bottleneck {
		v.Code = result.Bottleneck
		v.Reasons = append(v.Reasons, tooSlow)
		v.Reasons = append(v.Reasons, self.Reasons...)
	}
	switch {
	case s.Total.Requests == 0:
		// One sentence says it all: what else is crossed is so for this reason.
		crossed = []string{nothingSent(s)}
	case onlyFailures(s, list):
		crossed = append(crossed, "not one request came to anything but a failure")
	}
	if len(crossed) > 0 && v.Code == result.Passed {
		v.Code = result.Failed
	}
	v.Reasons = append(v.Reasons, crossed...)
	return v
}

// check tells what was measured beside its threshold.
func (t Threshold) check(m measured) result.Check {
	c := result.Check{Expr: t.expr, Value: t.text(m.value), Crossed: t.op.holds(m.value, t.limit)}
	if m.missing != "" {
		c.Value, c.Crossed = m.missing, true
	}
	return c
}

// tooSlow comes before the tester's own reasons.
const tooSlow = "the tester itself could not keep up, so the figures say little about the target"

func nothingSent(s stats.Snapshot) string {
	if s.Due > 0 {
		return fmt.Sprintf("nothing was sent, though %s due", plural(float64(s.Due), "task was", "tasks were"))
	}
	return "nothing was sent"
}

func onlyFailures(s stats.Snapshot, list []Threshold) bool {
	return s.Total.Failures >= s.Total.Requests && len(list) > 0 &&
		!slices.ContainsFunc(list, func(t Threshold) bool { return t.kind == failures })
}
