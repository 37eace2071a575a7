package history_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"onsale/internal/stress/format"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// faster returns the run after a change: one name is missing, and one is new.
func faster() result.Run {
	r := saved(2)
	r.Stats.Total.Rate, r.Stats.Total.Response.P95, r.Stats.Total.Failures = 125, ms(47.75), 0
	r.Stats.Total.Response.P50 = ms(50.001)
	r.Stats.Entries = []stats.Summary{
		{Method: "PUT", Name: "/buy/[id]", Requests: 10, Failures: 1, Rate: 0.5, Response: stats.Latency{P50: ms(1), P95: ms(2), P99: ms(3)}},
		{Method: "GET", Name: "/concerts", Requests: 4000, Failures: 40, Rate: 60, Response: stats.Latency{P50: ms(44), P95: ms(80), P99: ms(900)}},
	}
	r.Verdict.Code = result.Passed
	return r
}

func TestCompare(t *testing.T) {
	t.Parallel()
	c := history.Compare(saved(1), faster())
	if len(c.Warnings) != 0 {
		t.Errorf("two runs of the same are warned about: %q", c.Warnings)
	}
	var names []string
	for _, r := range c.Names {
		names = append(names, strings.TrimSpace(r.Method+" "+r.Name+" "+r.Only))
	}
	if want := []string{"POST /buy/[id] base", "PUT /buy/[id] new", "GET /concerts"}; !slices.Equal(names, want) {
		t.Fatalf("compared are %q; want %q", names, want)
	}
	percent := func(c history.Change) float64 {
		if c.Percent == nil {
			return -1000
		}
		return *c.Percent
	}
	got := c.Names[2]
	for _, f := range []struct {
		name    string
		c       history.Change
		b, n, p float64
	}{
		{"rate", got.Rate, 75, 60, -20},
		{"p50", got.P50, 40, 44, 10},
		{"p95", got.P95, 80, 80, 0},
		{"p99", got.P99, 90, 900, 900},
		{"failures", got.FailureShare, 0, 0.01, -1000},
		{"total rate", c.Total.Rate, 100, 125, 25},
		{"total p95", c.Total.P95, 95.5, 47.75, -50},
		{"total failures", c.Total.FailureShare, 0.01, 0, -100},
		{"rate of a missing name", c.Names[0].Rate, 25, 0, -1000},
		{"rate of a new name", c.Names[1].Rate, 0, 0.5, -1000},
	} {
		if f.c.Base != f.b || f.c.New != f.n || percent(f.c) != f.p {
			t.Errorf("%s: %v to %v is %v %%; want %v to %v, %v %%", f.name, f.c.Base, f.c.New, percent(f.c), f.b, f.n, f.p)
		}
	}
}

func TestCompareAsText(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := history.Compare(saved(1), faster()).Write(&out); err != nil {
		t.Fatal(err)
	}
	want := `base  ` + saved(1).ID + `  tickets, http://127.0.0.1:8000, 100 users: failed
new   ` + saved(2).ID + `  tickets, http://127.0.0.1:8000, 100 users: passed

METHOD  NAME       REQ/S              P50 (MS)         P95 (MS)             P99 (MS)          FAILED (%)
POST    /buy/[id]  25 → -             60 → -           120 → -              1300 → -          3 → -
PUT     /buy/[id]  - → 0.5            - → 1            - → 2                - → 3             - → 10
GET     /concerts  75 → 60 (-20 %)    40 → 44 (+10 %)  80 → 80 (±0 %)       90 → 900 (+900 %)  0 → 1 (+1 points)
        Total      100 → 125 (+25 %)  50 → 50 (±0 %)   95.5 → 47.8 (-50 %)  99 → 99 (±0 %)    1 → 0 (-1 points)
`
	if squeeze(out.String()) != squeeze(want) {
		t.Errorf("it reads\n%s\nwant\n%s", out.String(), want)
	}
	aligned(t, strings.Split(out.String(), "\n")[3:8], "REQ/S", "P95 (MS)", "FAILED (%)")
}

// TestWideNamesAreAligned: a Japanese letter takes two columns, a combining accent
// none.
func TestWideNamesAreAligned(t *testing.T) {
	t.Parallel()
	r := saved(1)
	long := strings.Repeat("券", 40)
	r.Stats.Entries[0].Name, r.Stats.Entries[1].Name = "/チケット", "/re\u0301union"
	r.Stats.Entries = append(r.Stats.Entries, stats.Summary{Method: "GET", Name: long, Requests: 1, Rate: 1})
	var out strings.Builder
	if err := history.Compare(r, r).Write(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")[3:]
	before, _, _ := strings.Cut(lines[0], "REQ/S")
	// Names can be 60 columns wide: 29 letters, and an ellipsis.
	if format.Width(before) != len("METHOD  ")+59+2 || !strings.Contains(out.String(), long[:29*len("券")]+"…  ") {
		t.Errorf("the first figures begin at %d:\n%s", format.Width(before), out.String())
	}
	for i, rate := range []string{"25 → 25", "75 → 75", "1 → 1", "100 → 100"} {
		at := strings.Index(lines[i+1], "  "+rate+" (±0 %)")
		if at < 0 || format.Width(lines[i+1][:at+2]) != format.Width(before) {
			t.Errorf("%q does not have %q at %d", lines[i+1], rate, format.Width(before))
		}
	}
}

// TestRoundingNeverMakesAHundred: 2464 to 0.48 is not -100 %, and 9999 of 10000 are not
// 100 %.
func TestRoundingNeverMakesAHundred(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rates    [2]float64
		failures [2]int64 // of 100,000 requests
		want     string
	}{
		{[2]float64{2464, 0.48}, [2]int64{0, 0}, "2464 → 0.48 (<-99.9 %) … 0 → 0"},
		{[2]float64{2464, 0}, [2]int64{0, 100_000}, "2464 → 0 (-100 %) … 0 → 100 (+100 points)"},
		{[2]float64{1000, 1}, [2]int64{0, 99_970}, "1000 → 1 (-99.9 %) … 0 → 99.97 (>+99.9 points)"},
		{[2]float64{1, 2}, [2]int64{100_000, 1}, "1 → 2 (+100 %) … 100 → <0.01 (<-99.9 points)"},
		{[2]float64{1, 3}, [2]int64{99_999, 100_000}, "1 → 3 (+200 %) … >99.99 → 100 (±0 points)"},
		{[2]float64{1, 1}, [2]int64{10, 1_000}, "1 → 1 (±0 %) … 0.01 → 1 (+1 points)"},
	} {
		runs := [2]result.Run{saved(1), saved(1)}
		for i := range runs {
			runs[i].Stats.Entries = nil
			total := &runs[i].Stats.Total
			total.Requests, total.Failures, total.Rate, total.Response = 100_000, c.failures[i], c.rates[i], stats.Latency{}
		}
		var out strings.Builder
		if err := history.Compare(runs[0], runs[1]).Write(&out); err != nil {
			t.Fatal(err)
		}
		rate, failed, _ := strings.Cut(c.want, " … ")
		if want := " Total " + rate + " 0 → 0 0 → 0 0 → 0 " + failed + "\n"; !strings.Contains(squeeze(out.String()), want[1:]) {
			t.Errorf("want %q in\n%s", want, out.String())
		}
	}
}

// squeeze replaces runs of spaces with one space.
func squeeze(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}

// aligned checks that each column begins at the same position in all lines.
func aligned(t *testing.T, lines []string, columns ...string) {
	t.Helper()
	for _, column := range columns {
		before, _, _ := strings.Cut(lines[0], column)
		at := utf8.RuneCountInString(before)
		for _, line := range lines {
			if runes := []rune(line); len(runes) <= at || runes[at-1] != ' ' || runes[at] == ' ' {
				t.Errorf("column %s does not begin at %d in %q", column, at, line)
			}
		}
	}
}

func TestCompareWarns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(r *result.Run)
		want   string
	}{
		{"another host", func(r *result.Run) { r.Host = "http://other" }, "they differ in host: http://127.0.0.1:8000 and http://other"},
		{"another scenario", func(r *result.Run) { r.Settings.Scenario = "" }, "they differ in scenario: tickets and -"},
		{"more users", func(r *result.Run) { r.Settings.Users = 200 }, "they differ in load: 100 users, 10 started per second and 200 users, 10 started per second"},
		{"a shape", func(r *result.Run) { r.Settings.Shape = "spike" }, "they differ in load"},
		{"another spawn rate", func(r *result.Run) { r.Settings.SpawnRate = 1 }, "they differ in load"},
		{"another kind of arrivals", func(r *result.Run) { r.Settings.Arrivals = "poisson" }, "they differ in load"},
		{"another bound in flight", func(r *result.Run) { r.Settings.MaxInFlight = 5 }, "they differ in load"},
		{
			"the open model", func(r *result.Run) { r.Settings = result.Settings{Scenario: "tickets", Rate: 100, Open: true} },
			"they differ in load: 100 users, 10 started per second and 100/s",
		},
		{"another share", func(r *result.Run) { r.Settings.Worker = "1/4" }, "they differ in worker: - and 1/4"},
		{"another protocol", func(r *result.Run) { r.Protocol = "HTTP/1.1 over TLS 1.3" }, "they differ in protocol"},
		{"a short run", func(r *result.Run) { r.Stats.Duration = 20 }, "one ran much longer than the other: 60 s and 20 s"},
		{
			"a slow tester", func(r *result.Run) { r.Self.Bottleneck, r.Self.Reasons = true, []string{"late", "busy"} },
			"the load tester was the bottleneck of the new run: late; busy",
		},
		{"an empty run", func(r *result.Run) { r.Stats.Total.Requests = 0 }, "the new run sent nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := saved(2)
			c.change(&r)
			got := history.Compare(saved(1), r)
			if len(got.Warnings) != 1 || !strings.HasPrefix(got.Warnings[0], c.want) {
				t.Errorf("warned is of %q; want %q", got.Warnings, c.want)
			}
			if back := history.Compare(r, saved(1)); len(back.Warnings) != 1 {
				t.Errorf("the other way round, warned is of %q", back.Warnings)
			}
			var out strings.Builder
			if err := got.Write(&out); err != nil || !strings.Contains(out.String(), "warning: "+c.want) {
				t.Errorf("it reads %q, %v", out.String(), err)
			}
		})
	}
	r := saved(2)
	r.Self.Bottleneck = true
	if got := history.Compare(r, r); len(got.Warnings) != 2 {
		t.Errorf("two slow load testers give %q", got.Warnings)
	}
}

func TestListAsText(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := history.New(dir)
	open, hostile := saved(2), saved(3)
	open.Settings = result.Settings{Scenario: "", Rate: 512.5, Open: true}
	open.Stats.Total.Rate, open.Stats.Total.Response.P95, open.Verdict.Code = 0.25, ms(0.125), result.Bottleneck
	hostile.Host = "http://a\x1b[2J\u202e\u0085\nb\tc\xff" + strings.Repeat("x", 100)
	save(t, s, saved(1), open, hostile)
	if err := os.WriteFile(dir+"/runs/"+saved(4).ID+".json", []byte("\x1b[31m"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := history.WriteList(&out, list(t, s)); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if i := strings.IndexAny(text, "\x1b\u202e\u0085\t\r"); i >= 0 {
		t.Errorf("control character %q reaches the terminal:\n%q", text[i], text)
	}
	want := "ID STARTED (UTC) SCENARIO HOST LOAD REQUESTS FAILURES REQ/S P95 VERDICT\n" +
		saved(4).ID + " - - - - - - - - damaged: invalid character '\\x1b' looking for beginning of value\n" +
		saved(3).ID + " 2026-11-22 08:59:03 tickets http://a[2Jbc\ufffd" + strings.Repeat("x", 45) + "… 100 users 6000 60 100 95.5 ms failed\n" +
		saved(2).ID + " 2026-11-22 08:59:02 - http://127.0.0.1:8000 512/s 6000 60 0.25 0.12 ms the load tester was the bottleneck\n" +
		saved(1).ID + " 2026-11-22 08:59:01 tickets http://127.0.0.1:8000 100 users 6000 60 100 95.5 ms failed\n"
	if squeeze(text) != want {
		t.Errorf("it reads\n%s\nwant\n%s", squeeze(text), want)
	}
	aligned(t, strings.Split(strings.TrimSpace(text), "\n"), "STARTED", "HOST", "VERDICT")

	out.Reset()
	if err := history.WriteList(&out, nil); err != nil || out.String() != "No saved runs.\n" {
		t.Errorf("without runs the list is %q, %v", out.String(), err)
	}
}

// full is a full disk.
type full struct{ after int }

var errFull = errors.New("no room")

func (f *full) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrorsAreTold(t *testing.T) {
	t.Parallel()
	c := history.Compare(saved(1), faster())
	for _, room := range []int{0, 10, 300} {
		if err := c.Write(&full{room}); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes, comparing gives %v", room, err)
		}
	}
	if err := history.WriteList(&full{}, []history.Summary{{ID: "x"}}); !errors.Is(err, errFull) {
		t.Errorf("listing gives %v", err)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(history.Compare(saved(1), saved(2)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"base":{"id":"` + saved(1).ID, `"warnings":[]`, `"total":{"method":"","name":"","rate":{"base":100,"new":100,"percent":0}`,
		`"p95_ms":{"base":95.5,"new":95.5,"percent":0}`, `"names":[{"method":"POST"`, `"failure_share":{"base":0,"new":0,"percent":null}`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	empty, err := json.Marshal(history.Compare(result.Run{}, result.Run{}))
	if err != nil || !strings.Contains(string(empty), `"names":[]`) {
		t.Errorf("of two empty runs: %s, %v", empty, err)
	}
}
