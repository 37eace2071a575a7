package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"onsale/internal/stress/stats"
)

// what names what was done.
func (s Settings) what() string {
	if s.Scenario == "" {
		return "plain request"
	}
	return plain(s.Scenario)
}

// load says how much was asked for.
func (s Settings) load() string {
	var parts []string
	switch {
	case s.Shape != "":
		parts = append(parts, plain(s.Shape))
	case s.Rate > 0:
		parts = append(parts, amount(s.Rate)+"/s")
	case s.Users > 0:
		parts = append(parts, plural(int64(s.Users), "user"))
		if s.SpawnRate > 0 {
			parts = append(parts, amount(s.SpawnRate)+"/s joining")
		}
	}
	if s.Arrivals != "" && (s.Open || s.Rate > 0) {
		parts = append(parts, plain(s.Arrivals)+" arrivals")
	}
	if s.Worker != "" {
		parts = append(parts, "worker "+plain(s.Worker))
	}
	return strings.Join(parts, ", ")
}

// plural writes a number of things.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}

// length is how long the load lasted.
func (r Report) length() time.Duration {
	if r.Ended.IsZero() {
		return time.Duration(r.Stats.Duration * float64(time.Second))
	}
	return r.Ended.Sub(r.Started)
}

// counted is how long figures were counted: without a warm-up, and without what
// it took until the last answers were there.
func (r Report) counted() time.Duration {
	return time.Duration(r.Stats.Duration * float64(time.Second))
}

// times says when it ran, and why it ended.
func (r Report) times() string {
	said := r.Started.Format("2006-01-02 15:04:05 -07:00") + ", " + span(r.length())
	if counted := r.counted(); !r.Ended.IsZero() && counted > 0 && (r.length()-counted).Abs() > 100*time.Millisecond {
		said += " with " + span(counted) + " of load that counts"
	}
	switch {
	case r.Ended.IsZero():
		said += ", still running"
	case r.End != "":
		said += ", ended: " + plain(r.End)
	}
	return said
}

// selfSentence says how the tester itself did.
func selfSentence(s stats.Self) string {
	said := fmt.Sprintf("lag p50 %s, p99 %s, max %s; CPU %s on average, %s at most, of %s",
		duration(s.LagP50), duration(s.LagP99), duration(s.LagMax), wholePercent(s.CPUMean), wholePercent(s.CPUMax), plural(int64(s.Cores), "core"))
	if s.LateSeconds > 0 {
		said += "; late in " + plural(int64(s.LateSeconds), "second")
	}
	if s.Errors > 0 {
		said += "; " + plural(s.Errors, "error") + " by its own limits"
	}
	return said
}

func wholePercent(p float64) string { return fmt.Sprintf("%.0f%%", 100*p) }

// sentSentence says how many tasks were due, and how many of them were not begun.
func sentSentence(s stats.Snapshot) string {
	if s.NotSent == 0 {
		return plural(s.Due, "task") + " due, all begun"
	}
	return fmt.Sprintf("%s due, %s not begun (%s): too many were in flight", plural(s.Due, "task"), count(s.NotSent), share(s.NotSent, s.Due))
}

// headline is the verdict in a word or a few.
func (r Report) headline() string {
	switch {
	case r.Ended.IsZero():
		return "Still running"
	case r.Verdict.Code == Passed:
		return "Passed"
	case r.Verdict.Code == Bottleneck:
		return "The tester was the bottleneck"
	default:
		return "Failed"
	}
}

// capital begins a text with a capital letter.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + text[size:]
}
