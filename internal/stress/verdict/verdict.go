// Package verdict decides whether a load test passed. It parses the thresholds of
// --fail-if, compares them with the measurements, and separates
// failures of the target from limits of the load tester.
//
// A threshold describes a failure: the run fails if it is true. That is the opposite of
// k6, whose thresholds describe success.
package verdict

import (
	"fmt"
	"slices"

	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// Judge compares a run with its thresholds. A bottleneck of the load tester takes
// precedence, because the figures are then not those of the target. A run also fails if
// nothing was sent. It fails as well if all requests failed, because times of failed
// requests mean nothing; the exceptions are runs without thresholds, and runs with a
// threshold on failures.
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
		// This sentence is enough: all other crossed thresholds follow from it.
		crossed = []string{nothingSent(s)}
	case onlyFailures(s, list):
		crossed = append(crossed, "all requests failed")
	}
	if len(crossed) > 0 && v.Code == result.Passed {
		v.Code = result.Failed
	}
	v.Reasons = append(v.Reasons, crossed...)
	return v
}

// check compares a measurement with its threshold.
func (t Threshold) check(m measured) result.Check {
	c := result.Check{Expr: t.expr, Value: t.text(m.value), Crossed: t.op.holds(m.value, t.limit)}
	if m.missing != "" {
		c.Value, c.Crossed = m.missing, true
	}
	return c
}

// tooSlow precedes the reasons of the load tester itself.
const tooSlow = "the load tester could not keep up, so the figures say little about the target"

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
