package history

import (
	"fmt"
	"io"
	"math"
	"strconv"
)

// Write writes the comparison as text: the two runs, the warnings, and a table with the
// base, the new value and the difference of each figure.
func (c Comparison) Write(w io.Writer) error {
	for _, run := range []struct {
		name string
		s    Summary
	}{{"base", c.Base}, {"new", c.New}} {
		fmt.Fprintf(w, "%-5s %s  %s, %s, %s: %s\n", run.name, clean(run.s.ID), clean(orDash(run.s.Scenario)),
			clean(run.s.Host), clean(run.s.Load), run.s.Verdict)
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "warning: %s\n", cleanLine(warning))
	}
	fmt.Fprintln(w)
	var t table
	t.row("METHOD", "NAME", "REQ/S", "P50 (MS)", "P95 (MS)", "P99 (MS)", "FAILED (%)")
	for _, r := range c.Names {
		t.compared(r, orDash(r.Method), r.Name)
	}
	t.compared(c.Total, "", "Total")
	return t.write(w)
}

func (t *table) compared(r Row, method, name string) {
	t.row(method, name, r.text(r.Rate), r.text(r.P50), r.text(r.P95), r.text(r.P99), r.share())
}

// text formats a figure of both runs: 120 → 90 (-25 %).
func (r Row) text(c Change) string {
	switch {
	case r.Only == "base":
		return number(c.Base) + " → -"
	case r.Only == "new":
		return "- → " + number(c.New)
	case c.Percent == nil:
		return number(c.Base) + " → " + number(c.New)
	default:
		return fmt.Sprintf("%s → %s (%s %%)", number(c.Base), number(c.New), signed(*c.Percent))
	}
}

// share formats the failures of both runs. They differ in percentage points, because an
// increase from one failure to two is not an alarming "+100 %".
func (r Row) share() string {
	base, other := r.FailureShare.Base*100, r.FailureShare.New*100
	switch {
	case r.Only == "base":
		return percent(base) + " → -"
	case r.Only == "new":
		return "- → " + percent(other)
	case base == other:
		return percent(base) + " → " + percent(other)
	default:
		return fmt.Sprintf("%s → %s (%s points)", percent(base), percent(other), signed(other-base))
	}
}

// percent formats a share in percent. Rounding never makes it none or all.
func percent(v float64) string {
	switch {
	case v > 0 && v < 0.01:
		return "<0.01"
	case v > 99.99 && v < 100:
		return ">99.99"
	case v > 99.9 && v < 100:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return number(v)
	}
}

// signed formats a difference with one decimal, without a minus before zero. Rounding
// never makes a decrease -100.
func signed(v float64) string {
	rounded := math.Round(v*10) / 10
	switch {
	case rounded == 0:
		return "±0"
	case rounded == -100 && v > -100:
		return "<-99.9"
	case rounded == 100 && v < 100:
		return ">+99.9"
	}
	text := strconv.FormatFloat(rounded, 'f', -1, 64)
	if rounded > 0 {
		return "+" + text
	}
	return text
}
