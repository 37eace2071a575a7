package history

import (
	"fmt"
	"io"
	"math"
	"strconv"
)

// Write writes the comparison as text: who is compared, what to be wary of,
// and a table of base, new and difference for each figure.
func (c Comparison) Write(w io.Writer) error {
	for _, run := range []struct {
		name string
		s    Summary
	}{{"base", c.Base}, {"new", c.New}} {
		fmt.Fprintf(w, "%-5s %s  %s, %s, %s: %s\n", run.name, clean(run.s.ID), clean(orDash(run.s.Scenario)),
			clean(run.s.Host), clean(run.s.Load), run.s.Verdict)
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "beware: %s\n", cleanLine(warning))
	}
	fmt.Fprintln(w)
	t := newTable(w)
	t.row("METHOD", "NAME", "REQ/S", "P50 (MS)", "P95 (MS)", "P99 (MS)", "FAILED (%)")
	for _, r := range c.Names {
		t.compared(r, orDash(r.Method), r.Name)
	}
	t.compared(c.Total, "", "Total")
	return t.Flush()
}

func (t table) compared(r Row, method, name string) {
	t.row(method, name, r.text(r.Rate), r.text(r.P50), r.text(r.P95), r.text(r.P99), r.share())
}

// text tells a figure of both runs: 120 → 90 (-25 %).
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

// share tells the failures of both runs. They differ in percentage points: from
// one failure to two is no doubling that anybody should be woken for.
func (r Row) share() string {
	points := Change{Base: r.FailureShare.Base * 100, New: r.FailureShare.New * 100}
	text := r.text(points)
	if r.Only == "" && points.New != points.Base {
		text += " (" + signed(points.New-points.Base) + " points)"
	}
	return text
}

// signed writes one digit after the point, and no minus before zero.
func signed(v float64) string {
	rounded := math.Round(v*10) / 10
	if rounded == 0 {
		return "±0"
	}
	text := strconv.FormatFloat(rounded, 'f', -1, 64)
	if rounded > 0 {
		return "+" + text
	}
	return text
}
