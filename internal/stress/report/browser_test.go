package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"onsale/internal/chrometest"
	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
)

// browser is a tab that shows reports.
type browser struct {
	*chrometest.Tab

	t *testing.T
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	return &browser{chrometest.New(t), t}
}

// evaluate returns the value of a JavaScript expression.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	return chrometest.Evaluate[T](b.Tab, expression)
}

// open writes a report as a page and opens it.
func (b *browser) open(r result.Run) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "report.html")
	if err := report.SaveHTML(file, r); err != nil {
		b.t.Fatal(err)
	}
	b.Do(chromedp.Navigate("file://" + filepath.ToSlash(file)))
}

// screenshot takes a picture of the whole page, for people, in the directory
// REPORT_SCREENSHOTS.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("REPORT_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), b.Picture(), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// quiet fails the test if the browser reports an error, if the page requested anything
// but itself, or if text of a server became markup.
func (b *browser) quiet(pages int) {
	b.t.Helper()
	if said := b.Said(); len(said) > 0 {
		b.t.Errorf("the browser's console has %q", said)
	}
	asked := 0
	for _, url := range b.Asked() {
		switch {
		case strings.HasPrefix(url, "file://") && strings.HasSuffix(url, "/report.html"):
			asked++
		case strings.HasPrefix(url, "data:"): // the empty icon
		default:
			b.t.Errorf("the page requested %s", url)
		}
	}
	if asked != pages {
		b.t.Errorf("saw %d requests for pages, want %d: is anything seen at all?", asked, pages)
	}
}

// TestPolicyHolds opens a page in which text did become markup. The browser runs and
// loads none of it, and reports that. It also proves that the other tests would notice.
func TestPolicyHolds(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	struck := strings.Replace(page(t, sample(3)), "<main>", `<main><script>window.struck=1</script><img src="http://127.0.0.1:1/x.png" onerror="window.struck=2">`, 1)
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(struck), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Do(chromedp.Navigate("file://" + filepath.ToSlash(file)))
	if evaluate[bool](b, `window.struck !== undefined`) {
		t.Error("a script ran")
	}
	if got := evaluate[string](b, `getComputedStyle(document.querySelector('.card')).borderRadius`); got != "12px" {
		t.Errorf("the policy keeps out the page's own style: corners are %q", got)
	}
	deadline := time.Now().Add(chrometest.Patience)
	for len(b.Said()) < 2 {
		if time.Now().After(deadline) {
			t.Fatalf("the browser complains about %q, want the script and the picture", b.Said())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// drawn returns the names of the charts of a page that are not empty.
const drawn = `[...document.querySelectorAll('.chart')].filter((c) => [...c.querySelectorAll('path, .bar, .dot')]
	.some((e) => { const box = e.getBoundingClientRect(); return box.width > 1 || box.height > 1; })).map((c) => c.id).join()`

func TestPageInChromium(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	whole := sample(60)
	whole.Capacity = capacity()
	b.LooksLike("screen", "light", 1280, 900)
	b.open(whole)
	const all = "capacity,throughput,latency,load,inflight,failures,histogram,lag,cpu"
	if got := evaluate[string](b, drawn); got != all {
		t.Errorf("drawn are %s, want %s", got, all)
	}
	if got := evaluate[string](b, `document.querySelector('.verdict h2').textContent`); got != "Failed" {
		t.Errorf("the headline is %q", got)
	}
	if got := evaluate[int](b, `[...document.querySelectorAll('svg[role=img]')].filter((s) => s.querySelector('title').textContent && s.querySelector('desc').textContent).length`); got != 9 {
		t.Errorf("%d charts are described in words, want 9", got)
	}
	b.screenshot("light")

	b.LooksLike("screen", "dark", 1280, 900)
	if got := evaluate[string](b, `getComputedStyle(document.body).backgroundColor`); got != "rgb(13, 16, 23)" {
		t.Errorf("dark is %s", got)
	}
	b.screenshot("dark")
	for _, width := range []int64{320, 390, 768, 1920} {
		b.LooksLike("screen", "dark", width, 844)
		b.Fits("the sample")
	}
	b.LooksLike("screen", "light", 390, 844)
	if got := evaluate[string](b, drawn); got != all {
		t.Errorf("drawn at 390 are %s, want %s", got, all)
	}
	b.screenshot("390")
	b.LooksLike("print", "dark", 718, 1000)
	if got := evaluate[string](b, `getComputedStyle(document.body).backgroundColor`); got != "rgb(255, 255, 255)" {
		t.Errorf("paper is %s, even where screens are dark", got)
	}
	b.Fits("what is printed")
	b.screenshot("print")
	b.quiet(1)
}

// TestPageOfOddRuns opens the pages of runs that have nothing, little or too much in
// them.
func TestPageOfOddRuns(t *testing.T) {
	t.Parallel()
	long := sample(5000)
	long.Stats.Series = series(5000, 86_400)
	long.Stats.Duration, long.Ended = 86_400, start.Add(24*time.Hour)
	closed := many(sample(60), 300)
	closed.Settings = result.Settings{Scenario: "browse", Users: 100, SpawnRate: 10}
	closed.Stats.NotSent, closed.Stats.Due, closed.Stats.Failures, closed.Stats.Total.Failures = 0, 0, nil, 0
	for i := range closed.Stats.Series {
		closed.Stats.Series[i].InFlight = 0
	}
	closed.Verdict = result.Verdict{Checks: []result.Check{{Expr: "p95>500ms", Value: "32 ms"}}}
	running := result.Run{Schema: result.Schema, Started: start}
	const most = "throughput,latency,load,inflight,failures,histogram,lag,cpu"
	single := sample(1)
	single.Stats.Series[0].Failures = 214
	b := newBrowser(t)
	pages := 0
	for _, run := range []struct {
		name  string
		r     result.Run
		drawn string
	}{
		{"nothing", running, ""},
		{"one point", single, most},
		{"thousands of points", long, most},
		{"closed", closed, "throughput,latency,load,histogram,lag,cpu"},
		{"hostile", nasty(), "capacity," + most},
	} {
		b.LooksLike("screen", "light", 1280, 900)
		b.open(run.r)
		pages++
		if got := evaluate[string](b, drawn); got != run.drawn {
			t.Errorf("%s: drawn are %q, want %q", run.name, got, run.drawn)
		}
		if got := evaluate[string](b, `document.documentElement.outerHTML.match(/NaN|Inf|ZgotmplZ|%!/)?.[0] ?? ''`); got != "" {
			t.Errorf("%s: the page shows %s", run.name, got)
		}
		if evaluate[bool](b, `window.struck !== undefined || document.scripts.length > 0 || document.querySelector('img') !== null`) {
			t.Errorf("%s: hostile text became markup", run.name)
		}
		if got := evaluate[int](b, `document.documentElement.outerHTML.length`); got > 600_000 {
			t.Errorf("%s: the page has %d characters", run.name, got)
		}
		b.screenshot(strings.ReplaceAll(run.name, " ", "-"))
		b.LooksLike("screen", "light", 390, 844)
		b.Fits(run.name)
		b.screenshot(fmt.Sprintf("%s-390", strings.ReplaceAll(run.name, " ", "-")))
	}
	b.quiet(pages)
}
