package report_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
)

func intText(n int64) string { return strconv.FormatInt(n, 10) }

// now returns a moment of a run.
func now(elapsed, left float64) result.Now {
	return result.Now{
		Users: 100, Wanted: 500, InFlight: 87,
		Elapsed: time.Duration(elapsed * float64(time.Second)), Left: time.Duration(left * float64(time.Second)),
	}
}

// lines returns the output without a terminal: at the beginning, and at one moment.
func lines(r result.Run, n result.Now) []string {
	var out strings.Builder
	l := report.NewLive(report.LiveOptions{Out: &out, Interval: time.Nanosecond})
	l.Begin(r, result.Now{Left: n.Elapsed + n.Left})
	l.Update(r, n)
	l.End()
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// frames shows a run on a terminal of a size, and returns the terminal.
func frames(r result.Run, n result.Now, columns, rows int) *terminal {
	term := &terminal{columns: columns, rows: rows}
	l := report.NewLive(report.LiveOptions{Out: term, Size: term.size, NoColor: true})
	l.Begin(r, n)
	l.Update(r, n)
	return term
}

func TestLiveLines(t *testing.T) {
	t.Parallel()
	r := sample(10)
	got := lines(r, now(12, 48))
	want := []string{
		"tickets-random-deny at http://127.0.0.1:8000 · 500/s, poisson arrivals · for 1m00s",
		"12s 500/s wanted · 87 in flight · 512 req/s · 214 failed · p50 12 ms p95 32 ms p99 60 ms · 1,485 denied (4.95%) · 310 sold out (1.03%) · " +
			"37 not sent (0.12% of the tasks due): too many in flight · 48s left",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}

	r.Settings = result.Settings{Scenario: "browse", Users: 100}
	r.Stats.NotSent, r.Stats.Total.Failures, r.Stats.Total.Business = 0, 0, nil
	closed := now(12, 48)
	closed.Wanted = 100
	if got, want := lines(r, closed)[1], "12s users 100 · 512 req/s · 0 failed · p50 12 ms p95 32 ms p99 60 ms · 48s left"; got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	endless := now(3700, -1)
	if got, want := lines(r, endless)[1], "1h01m users 100 of 500 · 512 req/s · 0 failed · p50 12 ms p95 32 ms p99 60 ms"; got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestLiveLinesAreRare(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := report.NewLive(report.LiveOptions{Out: &out})
	l.Begin(sample(1), now(0, 60))
	for second := range 61 {
		l.Update(sample(1), now(float64(second), float64(60-second)))
	}
	l.End()
	if got := strings.Count(out.String(), "\n"); got != 1+6 {
		t.Errorf("in a minute there are %d lines, want one at the beginning and one each 10 s:\n%s", got, &out)
	}
}

func TestLiveTerminal(t *testing.T) {
	t.Parallel()
	got := frames(sample(10), now(12, 48), 110, 24).String()
	golden(t, "live.txt", got)
	got = frames(many(sample(10), 40), now(12, 48), 80, 14).String()
	golden(t, "live_small.txt", got)
	if !strings.Contains(got, "… 35 more") {
		t.Errorf("40 names in 14 rows are\n%s", got)
	}
}

// TestLiveStaysInPlace draws repeatedly on a terminal whose size changes. There is
// never more than one view, nothing of an old one is left, and earlier output stays.
func TestLiveStaysInPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sizes [][2]int
		// scrolls: the terminal becomes too low for the current view. Lines that have
		// scrolled away stay, and only visible ones can be corrected.
		scrolls bool
	}{
		{[][2]int{{110, 24}, {110, 24}, {110, 24}}, false},
		{[][2]int{{110, 40}, {60, 40}, {110, 40}}, false},
		{[][2]int{{60, 24}, {200, 60}, {30, 60}}, false},
		{[][2]int{{110, 24}, {110, 10}, {40, 10}}, true},
		{[][2]int{{20, 5}, {8, 3}, {8, 3}}, true},
	} {
		term := &terminal{columns: c.sizes[0][0], rows: c.sizes[0][1]}
		fmt.Fprintln(term, "before")
		l := report.NewLive(report.LiveOptions{Out: term, Size: term.size})
		l.Begin(many(sample(1), 12), now(0, 60))
		for n, size := range c.sizes {
			term.resize(size[0], size[1])
			l.Update(many(sample(1), 12-5*n), now(float64(n), 60))
			if got := strings.Count(term.seen(), "tickets-"); got > 1 || got == 0 && size[0] > 20 {
				t.Errorf("%v: %d views are visible after %d:\n%s", c.sizes, got, n, term)
			}
			if !c.scrolls {
				fmt.Fprintln(l, "log")
			}
		}
		l.End()
		if got := term.String(); got != "before\n"+strings.Repeat("log\n", 3) && !c.scrolls {
			t.Errorf("%v: in the end there is\n%s", c.sizes, got)
		}
	}
}

// TestLiveWritesOnce: a view does not flicker. Each drawing is one write, and no line
// is cleared before it is overwritten.
func TestLiveWritesOnce(t *testing.T) {
	t.Parallel()
	var writes []string
	l := report.NewLive(report.LiveOptions{
		Out:  writerFunc(func(p []byte) (int, error) { writes = append(writes, string(p)); return len(p), nil }),
		Size: func() (int, int, error) { return 0, 0, errors.New("no terminal") },
	})
	l.Begin(sample(1), now(0, 60))
	l.Update(sample(1), now(1, 59))
	if len(writes) != 2 {
		t.Fatalf("%d writes for two drawings", len(writes))
	}
	if strings.Contains(writes[1], "\x1b[2J") || !strings.HasSuffix(writes[1], "\x1b[J\x1b[?2026l") || strings.Count(writes[1], "\x1b[J") != 1 {
		t.Errorf("a drawing is %q", writes[1])
	}
}

func TestLiveWarns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*result.Run)
		want   string
	}{
		"nothing":     {func(*result.Run) {}, ""},
		"bottleneck":  {func(r *result.Run) { r.Self.Bottleneck, r.Self.Reasons = true, []string{"CPU full"} }, "the load tester cannot keep up: CPU full"},
		"unexplained": {func(r *result.Run) { r.Self.Bottleneck = true }, "the load tester cannot keep up"},
		"late":        {func(r *result.Run) { r.Stats.Series[0].Lag = ms(23) }, "the load tester is late by 23 ms"},
		"CPU":         {func(r *result.Run) { r.Stats.Series[0].CPU = 0.97 }, "the load tester uses 97% of its processors"},
		"not sent":    {func(r *result.Run) { r.Stats.NotSent, r.Stats.Due = 5, 100 }, "5 not sent (5% of the tasks due)"},
	} {
		r := sample(1)
		r.Stats.NotSent = 0
		c.change(&r)
		got := frames(r, now(12, 48), 120, 24).String()
		if c.want == "" && strings.Contains(got, "! ") || !strings.Contains(got, c.want) {
			t.Errorf("%s: want a warning %q in\n%s", name, c.want, got)
		}
	}
	stopping := now(12, 0)
	stopping.Stopping = true
	if got := frames(sample(1), stopping, 120, 24).String(); !strings.Contains(got, "stopping") {
		t.Errorf("a run that stops is shown as\n%s", got)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// terminal is an emulator of what a view needs, and no more.
type terminal struct {
	columns, rows int
	text          [][]rune
	row, column   int
}

func (m *terminal) size() (columns, rows int, err error) { return m.columns, m.rows, nil }

func (m *terminal) line() *[]rune {
	for len(m.text) <= m.row {
		m.text = append(m.text, nil)
	}
	return &m.text[m.row]
}

func (m *terminal) Write(p []byte) (int, error) {
	rest := string(p)
	for rest != "" {
		if after, found := strings.CutPrefix(rest, "\x1b["); found {
			end := strings.IndexFunc(after, func(r rune) bool { return r >= '@' && r <= '~' })
			m.control(after[:end], after[end])
			rest = after[end+1:]
			continue
		}
		char, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		m.put(char)
	}
	return len(p), nil
}

func (m *terminal) put(char rune) {
	switch char {
	case '\n':
		m.row, m.column = m.row+1, 0
		m.line()
	case '\r':
		m.column = 0
	default:
		if m.column == m.columns {
			m.row, m.column = m.row+1, 0
		}
		line := m.line()
		for len(*line) <= m.column {
			*line = append(*line, ' ')
		}
		(*line)[m.column] = char
		m.column++
	}
}

func (m *terminal) control(argument string, command byte) {
	switch command {
	case 'A':
		n, _ := strconv.Atoi(argument)
		m.row = max(m.row-n, len(m.text)-m.rows, 0)
	case 'K':
		line := m.line()
		*line = (*line)[:min(m.column, len(*line))]
	case 'J':
		line := m.line()
		*line = (*line)[:min(m.column, len(*line))]
		m.text = m.text[:m.row+1]
	case 'm', 'h', 'l': // colours and modes
	default:
		panic("unknown command " + strconv.Quote(string(command)))
	}
}

// resize wraps lines again, like terminals do.
func (m *terminal) resize(columns, rows int) {
	if columns < m.columns {
		var text [][]rune
		for n, line := range m.text {
			if n == m.row {
				m.row = len(text)
			}
			for len(line) > columns {
				text = append(text, line[:columns])
				line = line[columns:]
			}
			text = append(text, line)
		}
		m.text = text
	}
	m.columns, m.rows = columns, rows
}

// seen returns the visible lines.
func (m *terminal) seen() string {
	rows := strings.SplitAfter(m.String(), "\n")
	return strings.Join(rows[max(len(rows)-m.rows, 0):], "")
}

func (m *terminal) String() string {
	var out strings.Builder
	for n, line := range m.text {
		if n == len(m.text)-1 && len(line) == 0 {
			break
		}
		out.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return out.String()
}
