package history

import (
	"fmt"
	"strings"

	"onsale/internal/stress/result"
)

// farApart is the ratio of the lengths of two runs from which on they are hardly
// comparable.
const farApart = 2

// warnings returns why two runs may not be comparable.
func warnings(base, other result.Run) []string {
	w := []string{}
	differ := func(what, a, b string) {
		if a != b {
			w = append(w, fmt.Sprintf("they differ in %s: %s and %s", what, orDash(a), orDash(b)))
		}
	}
	differ("host", base.Host, other.Host)
	differ("scenario", base.Settings.Scenario, other.Settings.Scenario)
	differ("load", wholeLoad(base.Settings), wholeLoad(other.Settings))
	differ("worker", base.Settings.Worker, other.Settings.Worker)
	differ("protocol", base.Protocol, other.Protocol)
	if a, b := base.Stats.Duration, other.Stats.Duration; max(a, b) > farApart*min(a, b) {
		w = append(w, fmt.Sprintf("one ran much longer than the other: %s s and %s s", number(a), number(b)))
	}
	for _, run := range []struct {
		name string
		r    result.Run
	}{{"base", base}, {"new", other}} {
		if run.r.Self.Bottleneck {
			w = append(w, fmt.Sprintf("the load tester was the bottleneck of the %s run%s", run.name, because(run.r.Self.Reasons)))
		}
		if run.r.Stats.Total.Requests == 0 {
			w = append(w, fmt.Sprintf("the %s run sent nothing", run.name))
		}
	}
	return w
}

func because(reasons []string) string {
	if len(reasons) == 0 {
		return ""
	}
	return ": " + strings.Join(reasons, "; ")
}

// wholeLoad returns everything about the load that changes what a target sees.
func wholeLoad(s result.Settings) string {
	parts := []string{loadOf(s)}
	if s.SpawnRate > 0 {
		parts = append(parts, number(s.SpawnRate)+" started per second")
	}
	if s.Open && s.Rate == 0 {
		parts = append(parts, "tasks a second")
	}
	if s.Arrivals != "" {
		parts = append(parts, "arrivals "+s.Arrivals)
	}
	if s.MaxInFlight > 0 {
		parts = append(parts, fmt.Sprintf("at most %d in flight", s.MaxInFlight))
	}
	return strings.Join(parts, ", ")
}
