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

// Summary says what was done and what came of it.
type Summary struct {
	// Interrupted says that it was told to stop before it was through.
	Interrupted bool
	// Elapsed is the time it took, cleaning up included.
	Elapsed time.Duration
	// Calls is how many calls were made, repeated ones included.
	Calls int64
	// Statuses counts the calls by HTTP status; 0 stands for no answer.
	Statuses map[int]int64
	// Errors counts the calls that failed by kind.
	Errors map[string]int64
	// Examples tell of the first call of each kind that failed, with what the server
	// or the network said.
	Examples map[string]string
	// Latency is the time to answer of the calls that had one, by action and,
	// last, of all.
	Latency []Latency

	// Created and Deleted count items. Kept were to stay; Missing were gone when
	// they were to be deleted, and not by this client.
	Created, Deleted, Kept, Missing int64
	// Unsure counts creates without an answer. Each may have made an item that
	// nobody knows of.
	Unsure int64
	// Failed counts the operations that failed for good: those that were not
	// worth another try, and those that had all their tries.
	Failed int64
	// CutOff counts the operations that had failed at least once when the end
	// came, and would have been tried again.
	CutOff int64

	// Recorded and Lost count calls that were and were not recorded, and
	// RecordError is the first reason.
	Recorded, Lost int64
	RecordError    error
}

// Latency is the time to answer of some calls.
type Latency struct {
	Name               string
	Calls              int64
	P50, P95, P99, Max time.Duration
}

// LeftBehind returns how many items are there that should not be.
func (s Summary) LeftBehind() int64 { return s.Created - s.Deleted - s.Kept - s.Missing }

// summary sums up. Nothing may be in flight.
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

// Write writes the summary for people. Where the calls were recorded is said
// unless it is empty.
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
	row("failed", "%d for good", s.Failed)
	if s.CutOff > 0 {
		row("", "%d more were cut off by the end after failed tries", s.CutOff)
	}
	row("items", "%d created, %d deleted, %d kept, %d left behind", s.Created, s.Deleted, s.Kept, s.LeftBehind())
	if s.Missing > 0 {
		row("", "%d were gone before they were deleted", s.Missing)
	}
	if s.Unsure > 0 {
		row("", "and at most %d that were created without an answer", s.Unsure)
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

// counts lists how often each key was counted, in order of the keys.
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

// short writes a duration to a tenth of a millisecond, or to ten of them.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}
