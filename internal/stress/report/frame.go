package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// The assumed size of a terminal that does not report its size.
const (
	usualColumns = 80
	usualRows    = 24
)

// size returns the usable columns and rows. It leaves out the last column, because some
// terminals wrap after it, and the last row, because of the cursor.
func (l *Live) size() (columns, rows int) {
	columns, rows, err := l.options.Size()
	if err != nil || columns <= 0 || rows <= 0 {
		columns, rows = usualColumns, usualRows
	}
	return max(columns-1, 1), max(rows-1, 1)
}

// redraw replaces the lines on the terminal in one write, so that nothing flickers: it
// moves to the first line, overwrites each line and clears the rest. Terminals that
// support mode 2026 show all of it at once.
func (l *Live) redraw(lines []string) {
	columns, rows := l.size()
	if len(lines) > rows {
		lines = lines[:rows]
	}
	var out strings.Builder
	out.WriteString("\x1b[?2026h")
	if up := height(l.frame, columns+1); up > 0 {
		out.WriteString("\r\x1b[" + strconv.Itoa(up) + "A")
	}
	for _, line := range lines {
		out.WriteString(line)
		out.WriteString("\x1b[K\n")
	}
	out.WriteString("\x1b[J\x1b[?2026l")
	_, _ = io.WriteString(l.options.Out, out.String())
	l.frame = lines
}

// height returns how many rows the lines take. A terminal that became narrower wraps
// them.
func height(lines []string, columns int) int {
	rows := 0
	for _, line := range lines {
		rows += max((format.Width(unpainted(line))+columns-1)/columns, 1)
	}
	return rows
}

// unpainted removes the colours of [paint] from a text.
func unpainted(text string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "\x1b[")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		_, text, _ = strings.Cut(after, "m")
	}
}

// view returns a run as lines that fit the terminal.
func (l *Live) view(r result.Run, now result.Now) []string {
	columns, rows := l.size()
	v := &view{columns: columns, color: !l.options.NoColor}
	v.head(r, now)
	for _, trouble := range troubles(r) {
		v.add(yellow, "! "+trouble)
	}
	v.add("", "")
	v.table(r, rows-len(v.lines))
	return v.lines
}

// view collects lines. It cuts each to the columns before it adds colour.
type view struct {
	columns int
	color   bool
	lines   []string
}

func (v *view) add(color, line string) {
	line = format.Cut(line, v.columns)
	v.lines = append(v.lines, paint(v.color && color != "", color, line))
}

// head adds what runs, the progress, and the totals.
func (v *view) head(r result.Run, now result.Now) {
	what := []string{scenarioOf(r.Settings), format.Line(r.Host)}
	if r.Protocol != "" {
		what = append(what, format.Line(r.Protocol))
	}
	v.add(bold, strings.Join(what, " · "))
	progress := append([]string{format.Clock(now.Elapsed)}, leftNow(now)...)
	v.add("", bar(now, v.columns)+strings.Join(append(progress, loadNow(r, now)), " · "))
	total := r.Stats.Total
	totals := append([]string{format.Rate(total.RateNow) + " req/s"}, businessNow(total)...)
	failed := format.Count(total.Failures) + " failed (" + format.Share(total.Failures, total.Requests) + ")"
	color := ""
	if total.Failures > 0 {
		color = red
	}
	v.add(color, strings.Join(append(totals, failed), " · "))
}

// Bars of progress, in columns.
const (
	barWidth  = 24
	barBeside = 60 // for the text next to it
)

// bar returns a progress bar; empty if the end is unknown or the terminal too narrow.
func bar(now result.Now, columns int) string {
	whole := now.Elapsed + now.Left
	room := min(barWidth, columns-barBeside)
	if now.Left < 0 || whole <= 0 || room < 8 {
		return ""
	}
	full := min(max(int(float64(room)*float64(now.Elapsed)/float64(whole)), 0), room)
	return strings.Repeat("█", full) + strings.Repeat("░", room-full) + " "
}

// The columns of numbers. With short names, they fit a terminal of 80 columns.
const (
	tableHead  = "%9s %14s %8s %6s %6s %6s %6s"
	tableWidth = 9 + 1 + 14 + 1 + 8 + 4*7
)

// table adds a row per name and one for the total, in a limited number of rows.
func (v *view) table(r result.Run, rows int) {
	entries := r.Stats.Entries
	names := len("Aggregated")
	for _, s := range entries {
		names = max(names, format.Width(nameOf(s)))
	}
	names = min(names, max(v.columns-tableWidth-1, minNameWidth))
	shown := len(entries)
	if room := rows - 2; shown > room { // the head and the total
		shown = max(room-1, 0) // and one row for the number of the others
	}
	v.add(faint, format.Pad("ms", names)+" "+fmt.Sprintf(tableHead, "# reqs", "# fails", "req/s", "p50", "p95", "p99", "max"))
	for _, s := range entries[:shown] {
		v.row(nameOf(s), s, names)
	}
	if more := len(entries) - shown; more > 0 {
		v.add(faint, fmt.Sprintf("… %d more", more))
	}
	v.row("Aggregated", r.Stats.Total, names)
}

func (v *view) row(name string, s stats.Summary, names int) {
	l := s.Response
	color := ""
	if s.Failures > 0 {
		color = red
	}
	fails := format.Count(s.Failures) + " (" + format.Share(s.Failures, s.Requests) + ")"
	v.add(color, format.Pad(format.Cut(name, names), names)+" "+fmt.Sprintf(tableHead, format.Count(s.Requests), fails, format.Rate(s.RateNow),
		format.Millis(l.P50), format.Millis(l.P95), format.Millis(l.P99), format.Millis(l.Max)))
}

// nameOf returns the label of a row.
func nameOf(s stats.Summary) string {
	return strings.TrimSpace(format.Line(s.Method) + " " + format.Line(s.Name))
}
