package automate

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Summary is the result of an [Automation].
type Summary struct {
	// Interrupted means that the context ended before the count or the duration was
	// reached.
	Interrupted bool
	// Elapsed is the duration, including the clean-up.
	Elapsed time.Duration
	// Calls is the number of calls, including retries.
	Calls int64
	// Statuses counts the calls by HTTP status; 0 means no answer.
	Statuses map[int]int64
	// Errors counts the failed calls by kind.
	Errors map[string]int64
	// Examples describe the first failed call of each kind, with the message from the
	// server or the network.
	Examples map[string]string
	// Latency is the time to answer of all answered calls, by action and, as the last
	// entry, in total.
	Latency []Latency

	// Created and Deleted count items. Kept counts items that were not to be deleted.
	// Missing counts items that no longer existed, although this client had not
	// deleted them.
	Created, Deleted, Kept, Missing int64
	// Unsure counts create requests without an answer. Each may have created an item
	// with an unknown id.
	Unsure int64
	// Failed counts the operations that failed permanently: because of an error that
	// is not transient, or after all retries.
	Failed int64
	// CutOff counts the operations that had failed at least once and were waiting for
	// a retry when the run ended.
	CutOff int64

	// Recorded and Lost count the calls that were and were not recorded. RecordError
	// is the first reason for a loss.
	Recorded, Lost int64
	RecordError    error
}

// Latency is the time to answer of a group of calls.
type Latency struct {
	Name               string
	Calls              int64
	P50, P95, P99, Max time.Duration
}

// LeftBehind returns the number of items that should have been deleted but were not.
func (s Summary) LeftBehind() int64 { return s.Created - s.Deleted - s.Kept - s.Missing }

// summary returns the summary. No call must be in flight.
func (a *Automation) summary(interrupted bool, recordError error) Summary {
	s := a.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := Summary{
		Interrupted: interrupted, Elapsed: s.now().Sub(s.start),
		Calls: s.calls, Statuses: maps.Clone(s.statuses), Errors: maps.Clone(s.kinds), Examples: maps.Clone(s.examples),
		Created: s.created.Load(), Deleted: s.deleted.Load(), Kept: s.kept.Load(), Missing: s.missing.Load(),
		Unsure: s.unsure.Load(), Failed: s.failed.Load(), CutOff: s.cutOff.Load(), RecordError: recordError,
	}
	for i, h := range s.latency {
		latency := latencyOf(h)
		latency.Name = action(i).String()
		sum.Latency = append(sum.Latency, latency)
	}
	all := latencyOf(s.all())
	all.Name = "all"
	sum.Latency = append(sum.Latency, all)
	sum.Recorded, sum.Lost = a.options.Recorder.Counts()
	return sum
}

// Write writes the summary as text. The argument recordedIn is where the calls were
// recorded; empty leaves that line out.
func (s Summary) Write(w io.Writer, recordedIn string) {
	how := "finished"
	if s.Interrupted {
		how = "interrupted"
	}
	fmt.Fprintf(w, "%s after %s: %d calls, %.1f a second\n\n",
		how, s.Elapsed.Round(100*time.Millisecond), s.Calls, perSecond(s.Calls, s.Elapsed))

	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-10s%s\n", name, fmt.Sprintf(format, args...))
	}
	row("answers", "%s", counts(s.Statuses, func(status int) string {
		if status == 0 {
			return "none"
		}
		return strconv.Itoa(status)
	}))
	row("errors", "%s", counts(s.Errors, func(kind string) string { return kind }))
	for _, kind := range slices.Sorted(maps.Keys(s.Examples)) {
		row("", "%s: %s", kind, s.Examples[kind])
	}
	row("failed", "%d operations", s.Failed)
	if s.CutOff > 0 {
		row("", "%d more were waiting for a retry at the end", s.CutOff)
	}
	row("items", "%d created, %d deleted, %d kept, %d left behind", s.Created, s.Deleted, s.Kept, s.LeftBehind())
	if s.Missing > 0 {
		row("", "%d no longer existed when they were to be deleted", s.Missing)
	}
	if s.Unsure > 0 {
		row("", "up to %d more may exist, because their create requests got no answer", s.Unsure)
	}
	if recordedIn != "" {
		row("recorded", "%d calls in %s, %d lost", s.Recorded, recordedIn, s.Lost)
	}
	if s.RecordError != nil {
		row("", "%v", s.RecordError)
	}
	fmt.Fprintf(w, "\n%-10s%8s%10s%10s%10s%10s\n", "latency", "calls", "p50", "p95", "p99", "max")
	for _, l := range s.Latency {
		fmt.Fprintf(w, "%-10s%8d%10s%10s%10s%10s\n", l.Name, l.Calls, short(l.P50), short(l.P95), short(l.P99), short(l.Max))
	}
}

// counts lists the count of each key, in order of the keys.
func counts[K cmp.Ordered](m map[K]int64, name func(K) string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s: %d", name(key), m[key]))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func perSecond(n int64, elapsed time.Duration) float64 {
	if elapsed <= 0 {
		return 0
	}
	return float64(n) / elapsed.Seconds()
}

// short formats a duration in milliseconds with one decimal, or in seconds with two.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}
