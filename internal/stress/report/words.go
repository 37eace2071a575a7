package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// scenarioOf returns the name of the scenario.
func scenarioOf(s result.Settings) string {
	if s.Scenario == "" {
		return "plain request"
	}
	return format.Line(s.Scenario)
}

// wantedLoad returns the load of the settings.
func wantedLoad(s result.Settings) string {
	var parts []string
	switch {
	case s.Shape != "":
		parts = append(parts, format.Line(s.Shape))
	case s.Rate > 0:
		parts = append(parts, format.Amount(s.Rate)+"/s")
	case s.Users > 0:
		parts = append(parts, plural(int64(s.Users), "user"))
		if s.SpawnRate > 0 {
			parts = append(parts, format.Amount(s.SpawnRate)+"/s spawn rate")
		}
	}
	if s.Arrivals != "" && (s.Open || s.Rate > 0) {
		parts = append(parts, format.Line(s.Arrivals)+" arrivals")
	}
	if s.Worker != "" {
		parts = append(parts, "worker "+format.Line(s.Worker))
	}
	return strings.Join(parts, ", ")
}

// plural returns a number of things.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return format.Count(n) + " " + thing + "s"
}

// length returns the duration of the load.
func length(r result.Run) time.Duration {
	if r.Ended.IsZero() {
		return time.Duration(r.Stats.Duration * float64(time.Second))
	}
	return r.Ended.Sub(r.Started)
}

// counted returns the duration that the figures cover: without a warm-up, and without
// the wait for the last answers.
func counted(r result.Run) time.Duration {
	return time.Duration(r.Stats.Duration * float64(time.Second))
}

// times returns when the run took place and why it ended.
func times(r result.Run) string {
	said := r.Started.Format("2006-01-02 15:04:05 -07:00") + ", " + format.Span(length(r))
	if counted := counted(r); !r.Ended.IsZero() && counted > 0 && (length(r)-counted).Abs() > 100*time.Millisecond {
		said += " with " + format.Span(counted) + " of load counted"
	}
	switch {
	case r.Ended.IsZero():
		said += ", still running"
	case r.End != "":
		said += ", ended: " + format.Line(r.End)
	}
	return said
}

// selfSentence returns how the load tester itself performed.
func selfSentence(s stats.Self) string {
	said := fmt.Sprintf("lag p50 %s, p99 %s, max %s; CPU %s on average, %s at most, of %s",
		format.Duration(s.LagP50), format.Duration(s.LagP99), format.Duration(s.LagMax), wholePercent(s.CPUMean), wholePercent(s.CPUMax), plural(int64(s.Cores), "core"))
	if s.LateSeconds > 0 {
		said += "; late in " + plural(int64(s.LateSeconds), "second")
	}
	if s.Errors > 0 {
		said += "; " + plural(s.Errors, "error") + " at its own limits"
	}
	return said
}

func wholePercent(p float64) string { return fmt.Sprintf("%.0f%%", 100*p) }

// sentSentence returns how many tasks were due, and how many of them were not begun.
func sentSentence(s stats.Snapshot) string {
	if s.NotSent == 0 {
		return plural(s.Due, "task") + " due, all begun"
	}
	return fmt.Sprintf("%s due, %s not begun (%s): too many were in flight", plural(s.Due, "task"), format.Count(s.NotSent), format.Share(s.NotSent, s.Due))
}

// headline returns the verdict in a few words.
func headline(r result.Run) string {
	switch {
	case r.Ended.IsZero():
		return "Still running"
	case r.Verdict.Code == result.Passed:
		return "Passed"
	case r.Verdict.Code == result.Bottleneck:
		return "The load tester was the bottleneck"
	default:
		return "Failed"
	}
}

// capital capitalizes a text.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + text[size:]
}
