package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// errorWidth is the maximum width of the column of errors.
const errorWidth = 100

// failures writes Locust's error report, with the first and last time of each failure.
func (t *text) failures() {
	list := t.report.Stats.Failures
	if len(list) == 0 {
		return
	}
	longest := len("Error")
	for _, f := range list {
		longest = max(longest, format.Width(fullReason(f)))
	}
	longest = min(longest, errorWidth)
	t.line("Error report")
	t.line("%-18s %s  %-20s  %s", "# occurrences", format.Pad("Error", longest), "First", "Last")
	rule := func() { t.rule(18, longest+2, 21, 20) }
	rule()
	for _, f := range list {
		t.line("%-18d %s  %-20s  %s", f.Count, format.Pad(format.Cut(fullReason(f), longest), longest), sight(t.report, f.First), sight(t.report, f.Last))
		if f.Example != "" {
			t.line("%-18s answer: %s", "", format.Line(f.Example))
		}
	}
	rule()
	t.line("")
}

// fullReason returns the requests of a failure, and what failed.
func fullReason(f stats.Failure) string {
	return strings.TrimSpace(format.Line(f.Method)+" "+format.Line(f.Name)) + ": " + reason(f)
}

// outcome is a business outcome of one name.
type outcome struct {
	Method, Name, Kind string
	Count, Requests    int64
}

// outcomesOf returns the business outcomes of all names, in the order of the names.
func outcomesOf(r result.Run) []outcome {
	var all []outcome
	for _, s := range r.Stats.Entries {
		for _, kind := range slices.Sorted(maps.Keys(s.Business)) {
			all = append(all, outcome{format.Line(s.Method), format.Line(s.Name), words(kind), s.Business[kind], s.Requests})
		}
	}
	return all
}

// words converts the name of a kind to words: sold_out becomes "sold out".
func words(kind string) string { return strings.ReplaceAll(format.Line(kind), "_", " ") }

// business writes the answers that are not failures, but not what the user wanted.
func (t *text) business() {
	outcomes := outcomesOf(t.report)
	if len(outcomes) == 0 {
		return
	}
	t.line("Business outcomes (answers that are not failures, but not what the user wanted)")
	t.line("%s %s %-20s %10s %8s", format.Pad("Type", typeWidth), format.Pad("Name", t.name), "Outcome", "# reqs", "Share")
	rule := func() { t.rule(typeWidth, t.name, 20, 11, 8) }
	rule()
	for _, o := range outcomes {
		t.line("%s %s %s %10d %8s", format.Pad(o.Method, typeWidth), format.Pad(format.Cut(o.Name, t.name), t.name), format.Pad(o.Kind, 20), o.Count, format.Share(o.Count, o.Requests))
	}
	rule()
	t.line("")
}

// capacity writes each load that was tried.
func (t *text) capacity() {
	c := t.report.Capacity
	if c == nil {
		return
	}
	t.line("Capacity")
	t.line("%12s %10s %8s %8s %8s %9s   %s", "Load", "req/s", "p50", "p95", "p99", "Failures", "Held")
	rule := func() { t.rule(12, 10, 8, 8, 8, 10, 30) }
	rule()
	for _, p := range c.Points {
		t.line("%12s %10s %8s %8s %8s %9s   %s", loadOf(*c, p.Load), format.Rate(p.Rate), format.Millis(p.P50), format.Millis(p.P95), format.Millis(p.P99), format.Portion(p.FailureShare), heldBy(p))
	}
	rule()
	t.line("%s", capacitySentence(*c))
	t.line("")
}

// loadOf returns a load with its unit: "500/s", "1,000 users".
func loadOf(c result.Capacity, v float64) string {
	if c.Unit == "users" {
		return format.Amount(v) + " users"
	}
	return format.Amount(v) + format.Line(c.Unit)
}

// capacitySentence returns the result of a search.
func capacitySentence(c result.Capacity) string {
	var said string
	switch {
	case c.Highest == 0 && c.Broken == 0:
		return "No load was measured."
	case c.Highest == 0:
		return fmt.Sprintf("No load held: even %s broke.", loadOf(c, c.Broken))
	case c.Broken == 0:
		said = loadOf(c, c.Highest) + " held, and no higher load was confirmed to break: the capacity is above that."
	default:
		said = fmt.Sprintf("The highest load that held is %s; %s did not.", loadOf(c, c.Highest), loadOf(c, c.Broken))
	}
	if c.Knee > 0 {
		said += fmt.Sprintf(" From %s on, latency grows out of proportion.", loadOf(c, c.Knee))
	}
	return said
}

// StepLine returns the result of a step as a line: "500/s held: 500 requests/s, p95 12
// ms".
func StepLine(c result.Capacity, p result.Step) string {
	outcome := "held"
	switch {
	case p.Tester:
		outcome = "is inconclusive because the load tester could not keep up"
	case !p.Held:
		outcome = "broke " + format.Line(p.Broke)
	}
	return fmt.Sprintf("%s %s: %s requests/s, p95 %s", loadOf(c, p.Load), outcome, format.Rate(p.Rate), format.Duration(p.P95))
}

// heldBy returns the result of a step.
func heldBy(s result.Step) string {
	switch {
	case s.Tester:
		return "load tester too slow"
	case s.Held:
		return "yes"
	case s.Broke != "":
		return "no: " + format.Line(s.Broke)
	default:
		return "no"
	}
}

// about writes what ran, and how the load tester itself performed.
func (t *text) about() {
	r := t.report
	if r.ID != "" {
		t.line("%-9s %s", "Id", format.Line(r.ID))
	}
	t.line("%-9s %s", "Run", strings.Join(slices.DeleteFunc([]string{scenarioOf(r.Settings), format.Line(r.Host), format.Line(r.Protocol), wantedLoad(r.Settings)}, func(s string) bool { return s == "" }), ", "))
	t.line("%-9s %s", "Time", times(r))
	t.line("%-9s %s", "Tester", selfSentence(r.Self))
	if r.Stats.Due > 0 || r.Stats.NotSent > 0 {
		t.line("%-9s %s", "Due", sentSentence(r.Stats))
	}
	if r.Books != nil {
		t.line("%-9s %s", "Books", format.Line(r.Books.Text))
	}
}

// verdict writes each check and the reasons of the verdict.
func (t *text) verdict() {
	r := t.report
	t.line("")
	color := red
	if r.Verdict.Code == result.Passed {
		color = green
	}
	t.line("%s", paint(t.color, color, fmt.Sprintf("Verdict: %s (exit code %d)", headline(r), r.Verdict.Code)))
	longest := 0
	for _, c := range r.Verdict.Checks {
		longest = max(longest, format.Width(format.Line(c.Expr)))
	}
	for _, c := range r.Verdict.Checks {
		said, color := "ok     ", green
		if c.Crossed {
			said, color = "crossed", red
		}
		t.line("  %s  %s  %s", paint(t.color, color, said), format.Pad(format.Line(c.Expr), longest), format.Line(c.Value))
	}
	for _, reason := range reasonsOf(r) {
		t.line("  %s", format.Line(reason))
	}
	for _, note := range r.Notes {
		t.line("Note: %s", format.Line(note))
	}
}

// reasonsOf returns the reasons of the verdict, and those reasons of a bottleneck that
// it does not have.
func reasonsOf(r result.Run) []string {
	all := slices.Clone(r.Verdict.Reasons)
	for _, reason := range r.Self.Reasons {
		if !slices.Contains(all, reason) {
			all = append(all, reason)
		}
	}
	return all
}

// The colours of a terminal, as ANSI codes.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	faint  = "2"
)

// paint colours a text if wanted.
func paint(wanted bool, color, text string) string {
	if !wanted {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
