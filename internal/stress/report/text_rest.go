package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"onsale/internal/stress/stats"
)

// errorWidth is the most that the longest error shifts the columns beside it.
const errorWidth = 100

// failures is Locust's error report, and when each was seen.
func (t *text) failures() {
	list := t.report.Stats.Failures
	if len(list) == 0 {
		return
	}
	longest := len("Error")
	for _, f := range list {
		longest = max(longest, Width(fullReason(f)))
	}
	longest = min(longest, errorWidth)
	t.line("Error report")
	t.line("%-18s %s  %-20s  %s", "# occurrences", Pad("Error", longest), "First", "Last")
	rule := func() { t.rule(18, longest+2, 21, 20) }
	rule()
	for _, f := range list {
		t.line("%-18d %s  %-20s  %s", f.Count, Pad(Cut(fullReason(f), longest), longest), t.report.sight(f.First), t.report.sight(f.Last))
		if f.Example != "" {
			t.line("%-18s answered: %s", "", plain(f.Example))
		}
	}
	rule()
	t.line("")
}

// fullReason says of which requests and what a failure was.
func fullReason(f stats.Failure) string {
	return strings.TrimSpace(plain(f.Method)+" "+plain(f.Name)) + ": " + reason(f)
}

// outcome is a business outcome of one name.
type outcome struct {
	Method, Name, Kind string
	Count, Requests    int64
}

// outcomes are those of all names, in the order of the names.
func (r Report) outcomes() []outcome {
	var all []outcome
	for _, s := range r.Stats.Entries {
		for _, kind := range slices.Sorted(maps.Keys(s.Business)) {
			all = append(all, outcome{plain(s.Method), plain(s.Name), words(kind), s.Business[kind], s.Requests})
		}
	}
	return all
}

// words writes the name of a kind as a person does: sold_out is "sold out".
func words(kind string) string { return strings.ReplaceAll(plain(kind), "_", " ") }

// business tells the answers that are no failures and not what the user wanted.
func (t *text) business() {
	outcomes := t.report.outcomes()
	if len(outcomes) == 0 {
		return
	}
	t.line("Business outcomes (answers that are no failures and not what the user wanted)")
	t.line("%s %s %-20s %10s %8s", Pad("Type", typeWidth), Pad("Name", t.name), "Outcome", "# reqs", "Share")
	rule := func() { t.rule(typeWidth, t.name, 20, 11, 8) }
	rule()
	for _, o := range outcomes {
		t.line("%s %s %s %10d %8s", Pad(o.Method, typeWidth), Pad(Cut(o.Name, t.name), t.name), Pad(o.Kind, 20), o.Count, share(o.Count, o.Requests))
	}
	rule()
	t.line("")
}

// capacity tells each load that was tried.
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
		t.line("%12s %10s %8s %8s %8s %9s   %s", c.load(p.Load), rate(p.Rate), millis(p.P50), millis(p.P95), millis(p.P99), portion(p.FailureShare), p.held())
	}
	rule()
	t.line("%s", c.sentence())
	t.line("")
}

// load writes a load with its unit: "500/s", "1,000 users".
func (c Capacity) load(v float64) string {
	if c.Unit == "users" {
		return amount(v) + " users"
	}
	return amount(v) + plain(c.Unit)
}

// sentence says what was found.
func (c Capacity) sentence() string {
	var said string
	switch {
	case c.Highest == 0 && c.Broken == 0:
		return "No load could be judged."
	case c.Highest == 0:
		return fmt.Sprintf("No load that was tried held: %s broke already.", c.load(c.Broken))
	case c.Broken == 0:
		said = c.load(c.Highest) + " held, and no higher load was seen to break for good: the capacity is above that."
	default:
		said = fmt.Sprintf("The highest load that held is %s; %s did not.", c.load(c.Highest), c.load(c.Broken))
	}
	if c.Knee > 0 {
		said += fmt.Sprintf(" From %s on, latency grows out of proportion.", c.load(c.Knee))
	}
	return said
}

// Said tells what came of a step, in a line: "500/s held: 500 requests/s, p95 12 ms".
func (c Capacity) Said(p CapacityStep) string {
	outcome := "held"
	switch {
	case p.Tester:
		outcome = "says nothing, as the tester could not keep up"
	case !p.Held:
		outcome = "broke " + plain(p.Broke)
	}
	return fmt.Sprintf("%s %s: %s requests/s, p95 %s", c.load(p.Load), outcome, rate(p.Rate), duration(p.P95))
}

// held says what came of a step.
func (s CapacityStep) held() string {
	switch {
	case s.Tester:
		return "tester too slow"
	case s.Held:
		return "yes"
	case s.Broke != "":
		return "no: " + plain(s.Broke)
	default:
		return "no"
	}
}

// about says what was run, and how the tester itself did.
func (t *text) about() {
	r := t.report
	if r.ID != "" {
		t.line("%-9s %s", "Id", plain(r.ID))
	}
	t.line("%-9s %s", "Run", strings.Join(slices.DeleteFunc([]string{r.Settings.what(), plain(r.Host), plain(r.Protocol), r.Settings.load()}, func(s string) bool { return s == "" }), ", "))
	t.line("%-9s %s", "Time", r.times())
	t.line("%-9s %s", "Tester", selfSentence(r.Self))
	if r.Stats.Due > 0 || r.Stats.NotSent > 0 {
		t.line("%-9s %s", "Due", sentSentence(r.Stats))
	}
	if r.Books != nil {
		t.line("%-9s %s", "Books", plain(r.Books.Text))
	}
}

// verdict tells each check, and why the run is what it is.
func (t *text) verdict() {
	r := t.report
	t.line("")
	color := red
	if r.Verdict.Code == Passed {
		color = green
	}
	t.line("%s", paint(t.color, color, fmt.Sprintf("Verdict: %s (exit code %d)", r.headline(), r.Verdict.Code)))
	longest := 0
	for _, c := range r.Verdict.Checks {
		longest = max(longest, Width(plain(c.Expr)))
	}
	for _, c := range r.Verdict.Checks {
		said, color := "ok     ", green
		if c.Crossed {
			said, color = "crossed", red
		}
		t.line("  %s  %s  %s", paint(t.color, color, said), Pad(plain(c.Expr), longest), plain(c.Value))
	}
	for _, reason := range r.reasons() {
		t.line("  %s", plain(reason))
	}
	for _, note := range r.Notes {
		t.line("Note: %s", plain(note))
	}
}

// reasons are those of the verdict, and those of the tester's own trouble that it does not name.
func (r Report) reasons() []string {
	all := slices.Clone(r.Verdict.Reasons)
	for _, reason := range r.Self.Reasons {
		if !slices.Contains(all, reason) {
			all = append(all, reason)
		}
	}
	return all
}

// The colours of a terminal.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	faint  = "2"
)

// paint colours a text if colours are wanted.
func paint(wanted bool, color, text string) string {
	if !wanted {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
