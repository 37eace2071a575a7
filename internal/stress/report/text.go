package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// TextOptions configure [WriteText].
type TextOptions struct {
	// Width is the number of columns. 0 means unknown, as for a file or a pipe, and
	// uses the width of Locust's tables.
	Width int
	// Color highlights good and bad results.
	Color bool
}

// The layout is Locust's: a column of its tables has this width.
const (
	typeWidth    = 8
	nameWidth    = 80
	minNameWidth = 16
	// usualNameWidth is the width that names can always use, however narrow the
	// terminal is.
	usualNameWidth = 36
	// The width of the other columns in the tables of requests and of percentiles.
	requestsWidth    = 80
	percentilesWidth = 95
)

// WriteText writes a report as Locust prints it at the end, and adds what Locust lacks:
// when each failure was seen first and last, business outcomes, service times, the load
// tester's own performance, and the verdict.
func WriteText(w io.Writer, r result.Run, o TextOptions) error {
	t := &text{report: r, color: o.Color, name: o.names(r, requestsWidth), narrow: o.names(r, percentilesWidth)}
	t.summary()
	t.percentiles("Response time percentiles (ms"+dueNote(r)+")", func(s stats.Summary) *stats.Latency { return &s.Response })
	if r.Stats.Total.Service != nil {
		t.percentiles("Service time percentiles (ms, from when a request was sent)", func(s stats.Summary) *stats.Latency { return s.Service })
	}
	t.business()
	t.failures()
	t.capacity()
	t.about()
	t.verdict()
	_, err := io.WriteString(w, t.out.String())
	return err
}

// names returns the width of the column of names, given the width of the other columns.
// Names of usual length are never cut, even if a narrow terminal then wraps lines.
func (o TextOptions) names(r result.Run, others int) int {
	if o.Width <= 0 {
		return nameWidth
	}
	least := minNameWidth
	for _, s := range r.Stats.Entries {
		least = max(least, format.Width(format.Line(s.Name))+typeWidth-4)
	}
	return min(max(o.Width-others, min(least, usualNameWidth)), nameWidth)
}

// dueNote returns when response times begin, if that is not when a request was sent.
func dueNote(r result.Run) string {
	if r.Stats.Total.Service == nil {
		return ""
	}
	return ", from when a request was due"
}

// text is a report that is being written.
type text struct {
	report result.Run
	color  bool
	// The width of the column of names, and its width in the table of percentiles.
	name, narrow int
	out          strings.Builder
}

func (t *text) line(format string, args ...any) {
	t.out.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	t.out.WriteByte('\n')
}

// rule writes a line of dashes, with a bar after each width but the last.
func (t *text) rule(widths ...int) {
	parts := make([]string, 0, len(widths))
	for _, w := range widths {
		parts = append(parts, strings.Repeat("-", w))
	}
	t.line("%s", strings.Join(parts, "|"))
}

// each writes a row for each entry and, after a rule, one for the total.
func (t *text) each(row func(method, name string, s stats.Summary), rule func()) {
	for _, s := range t.report.Stats.Entries {
		row(format.Line(s.Method), format.Line(s.Name), s)
	}
	rule()
	row("", "Aggregated", t.report.Stats.Total)
	t.line("")
}

// summary writes Locust's first table.
func (t *text) summary() {
	names := t.name - typeWidth + 4
	t.line("%s %s %7s %12s |%7s %7s %7s%7s | %7s %11s", format.Pad("Type", typeWidth), format.Pad("Name", names),
		"# reqs", "# fails", "Avg", "Min", "Max", "Med", "req/s", "failures/s")
	rule := func() { t.rule(typeWidth, names, 7, 13, 7, 7, 7, 7, 8, 11) }
	rule()
	t.each(func(method, name string, s stats.Summary) {
		l := s.Response
		t.line("%s %s %7d %12s |%7s %7s %7s%7s | %7.2f %11.2f", format.Pad(method, typeWidth), format.Pad(format.Cut(name, names), names),
			s.Requests, fmt.Sprintf("%d(%.2f%%)", s.Failures, percent(s.Failures, s.Requests)),
			format.Millis(l.Mean), format.Millis(l.Min), format.Millis(l.Max), format.Millis(l.P50), s.Rate, s.FailureRate)
	}, rule)
}

// percentiles writes Locust's second table, for one kind of time.
func (t *text) percentiles(title string, of func(stats.Summary) *stats.Latency) {
	t.line("%s", title)
	t.line("%s %s %s %6s", format.Pad("Type", typeWidth), format.Pad("Name", t.narrow), spread(percentileHeads()), "# reqs")
	rule := func() { t.rule(typeWidth, t.narrow, 8, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6) }
	rule()
	t.each(func(method, name string, s stats.Summary) {
		l := of(s)
		if l == nil || s.Requests == 0 {
			return
		}
		var row []string
		for _, p := range percentiles() {
			row = append(row, format.Millis(p.of(*l)))
		}
		t.line("%s %s %s %6d", format.Pad(method, typeWidth), format.Pad(format.Cut(name, t.narrow), t.narrow), spread(row), s.Requests)
	}, rule)
}

// spread joins the cells of a row of percentiles. The first one is wider, as in
// Locust's table.
func spread(cells []string) string {
	columns := []string{format.PadLeft(cells[0], 8)}
	for _, c := range cells[1:] {
		columns = append(columns, format.PadLeft(c, 6))
	}
	return strings.Join(columns, " ")
}

func percent(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// reason returns a failure in a few words.
func reason(f stats.Failure) string {
	switch {
	case f.Detail == "":
		return format.Line(f.Kind)
	case f.Kind == "" || strings.HasPrefix(f.Detail, f.Kind): // "status 503" has both
		return format.Line(f.Detail)
	default:
		return format.Line(f.Kind) + ": " + format.Line(f.Detail)
	}
}

// sight returns when something was seen: the time since the start, and the clock time.
func sight(r result.Run, at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return "+" + clockTenths(at.Sub(r.Started)) + " (" + at.In(r.Started.Location()).Format("15:04:05") + ")"
}

// clockTenths is [clock] with tenths of a second below a minute.
func clockTenths(d time.Duration) string {
	if d = max(d, 0); d < time.Minute-50*time.Millisecond {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return format.Clock(d)
}
