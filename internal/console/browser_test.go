package console_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"onsale/internal/catalog"
	"onsale/internal/chrometest"
)

// browser is a browser tab for the console.
type browser struct {
	*chrometest.Tab

	t *testing.T
}

// newBrowser opens a tab. The page depends on scripts, and only a browser runs
// them.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	return &browser{chrometest.New(t), t}
}

// evaluate returns the value of a JavaScript expression.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	return chrometest.Evaluate[T](b.Tab, expression)
}

// click clicks the element that matches a CSS selector.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.Do(chromedp.Click(chromedp.CSS(selector)))
}

// open loads a URL.
func (b *browser) open(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url))
}

// sees waits until a JavaScript expression is true.
func (b *browser) sees(what string) {
	b.t.Helper()
	_, err := chromedp.Run(b.Context(), chromedp.Poll[chromedp.Void](what, chromedp.WithPollingTimeout(chrometest.Patience), chromedp.WithPollingInterval(50*time.Millisecond)))
	if err != nil {
		b.t.Fatalf("never true: %s: %v\nthe browser's console: %q\nthe page:\n%s", what, err, b.Said(), evaluate[string](b, `document.body.innerText`))
	}
}

// clean fails the test if the browser's console has messages, or if a client's text
// became markup.
func (b *browser) clean() {
	b.t.Helper()
	if evaluate[bool](b, `window.struck !== undefined || document.querySelector('img[src="x"]') !== null`) {
		b.t.Error("hostile text became markup")
	}
	if said := b.Said(); len(said) > 0 {
		b.t.Errorf("the browser's console has the messages %q", said)
	}
}

// screenshot saves a picture of the whole page in the directory
// CONSOLE_SCREENSHOTS, for people to check.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	picture := b.Picture()
	if len(picture) < 1000 {
		b.t.Errorf("the picture of %s has %d bytes", name, len(picture))
	}
	dir := os.Getenv("CONSOLE_SCREENSHOTS")
	if dir == "" {
		dir = b.t.TempDir()
	}
	if err := os.WriteFile(filepath.Join(dir, "console-"+name+".png"), picture, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// settles waits until the page is complete, so nothing moves any more.
func (b *browser) settles() {
	b.t.Helper()
	b.sees(`document.querySelector('#alert-rows tr:nth-child(3)')?.dataset.state !== 'unknown' &&
		document.querySelectorAll('.notice').length > 0 && document.querySelectorAll('#target-rows .down').length > 0 &&
		[...document.querySelectorAll('.chart')].every((c) => c.querySelectorAll('path.line').length > 1)`)
}

// TestFrontPageLive checks the page as a visitor sees it.
func TestFrontPageLive(t *testing.T) {
	t.Parallel()
	api := newBackend(t, options())
	b := newBrowser(t)
	b.LooksLike("", "light", 1280, 900)
	b.open(api.URL)

	b.sees(`document.querySelector('#overall')?.textContent === '1 firing, 1 pending, 1 notice'`)
	b.sees(`document.querySelector('#alert-rows tr:first-child th a')?.textContent === 'HighFailureRate'`)
	b.sees(`document.querySelector('#alert-rows [data-name=HighFailureRate]')?.innerText.includes('15 % of calls fail <img')`)
	b.sees(`document.querySelector('#alert-rows [data-name=DatabaseSlow]')?.innerText.includes('silenced')`)
	b.sees(`document.querySelector('#lamps [data-name=HighLatency]')?.dataset.state === 'pending'`)
	b.sees(`[...document.querySelectorAll('.lamp')].some((l) => l.textContent.startsWith('Mine<img'))`)
	b.sees(`document.querySelectorAll('.notice').length === 2`)
	b.sees(`getComputedStyle(document.querySelector('.embed')).borderLeftColor === 'rgb(231, 76, 60)'`)
	b.sees(`document.querySelector('.embed dt')?.textContent === 'job=ticket_system'`)
	b.sees(`document.querySelector('.embed dd')?.textContent.includes('tickets. <script> <img')`)
	b.sees(`[...document.querySelectorAll('.embed a')].map((a) => a.href).join() === 'http://127.0.0.1:8000/runbooks/HighFailureRate'`)
	b.sees(`document.querySelector('.notice p')?.textContent.includes('sending to Discord (attempt 1: answered 429')`)
	b.sees(`document.querySelectorAll('#target-rows .down').length === 1`)
	b.sees(`[...document.querySelectorAll('.tile .value')].every((v) => /\d/.test(v.textContent))`)
	b.sees(`[...document.querySelectorAll('.chart')].every((c) => c.querySelectorAll('path.line').length > 1)`)
	b.sees(`document.querySelector('#plan')?.textContent.includes('deny 9.9 %')`)
	b.sees(`document.querySelector('#users')?.value === '25' && document.querySelector('#scenario')?.value === 'tickets'`)
	b.Fits("the page")
	b.screenshot("1280-light")

	b.LooksLike("", "dark", 1280, 900)
	b.sees(`getComputedStyle(document.body).backgroundColor === 'rgb(13, 16, 23)'`)
	b.screenshot("1280-dark")
	for _, width := range []int64{360, 390, 768, 1920} {
		b.LooksLike("", "dark", width, 844)
		b.Fits("the page")
	}
	b.LooksLike("", "dark", 390, 844)
	b.sees(`[...document.querySelectorAll('.chart')].every((c) => c.querySelectorAll('path.line').length > 1)`)
	b.screenshot("390-dark")
	b.LooksLike("", "light", 390, 844)
	b.screenshot("390-light")
	b.clean()
}

// TestProvoke presses buttons that set a fault, end one, and reset all. A button
// that cannot work here explains why before anyone presses it.
func TestProvoke(t *testing.T) {
	t.Parallel()
	var memory atomic.Uint64 // of the machine, in bytes
	o := options()
	o.Site = func() catalog.Site { return catalog.Site{Users: 25, MemoryTotal: memory.Load()} }
	api := newBackend(t, o)
	b := newBrowser(t)
	b.open(api.URL)
	b.settles()
	b.click(`#alert-rows [data-name=HighFailureRate] button`)
	b.sees(`document.querySelector('#said.good') !== null`)
	b.sees(`document.querySelector('#plan')?.innerText.includes('database error 50 %, for another 4')`)
	b.click(`#plan li:nth-child(3) button`)
	b.click(`#faults button.primary`)
	for _, want := range []string{
		`PATCH {"routes":{"/buy/{concert_id}":{"error":0.5,"for":"1m"}}}`, `PATCH {"database":{"error":null}}`, `PUT {"preset":"default"}`,
	} {
		api.waitFor(t, want)
	}
	b.sees(`document.querySelector('#alert-rows [data-name=HighFailureRate] [data-role=note]').innerText === 'Also fires DatabaseErrors, ItemErrors and HighLatency.'`)
	b.sees(`document.querySelector('#alert-rows [data-name=HighMemory] button').disabled &&
		document.querySelector('#alert-rows [data-name=HighMemory] [data-role=note]').innerText === 'Too little memory: 1 GiB is enough.'`)
	b.screenshot("provoke-light")
	memory.Store(4 << 30)
	b.sees(`!document.querySelector('#alert-rows [data-name=HighMemory] button').disabled &&
		document.querySelector('#alert-rows [data-name=HighMemory] [data-role=note]').innerText === 'Takes up to 40s here. Memory is filled first.'`)
	b.click(`#alert-rows [data-name=HighMemory] button`)
	api.waitFor(t, `PATCH {"memory":{"percent":92,"for":"1m"}}`)
	b.click(`#faults details:last-of-type summary`)
	b.sees(`document.querySelector('#faults details:last-of-type').innerText.includes('and this page stops working')`)
	b.click(`#faults details:last-of-type button`)
	api.waitFor(t, `PATCH {"crash":{"after":"1s"}}`)

	b.open(api.URL + "/runbooks/InstanceDown")
	b.sees(`document.querySelector('#overall')?.textContent === 'inactive'`)
	b.click(`.buttons button.primary`)
	api.waitFor(t, `PATCH {"scrape_outage":true}`)
	b.screenshot("runbook-light")
	b.clean()

	api.mu.Lock()
	api.status = 401
	api.mu.Unlock()
	b.open(api.URL)
	b.sees(`document.querySelector('#plan')?.textContent.includes('needs the admin token')`)
	b.settles()
	b.click(`.knobs button`)
	b.sees(`document.querySelector('#said.bad')?.textContent.includes('PATCH /faults needs the admin token')`)
}

// waitFor waits until the page has sent a plan.
func (b *backend) waitFor(t *testing.T, plan string) {
	t.Helper()
	for deadline := time.Now().Add(chrometest.Patience); ; {
		b.mu.Lock()
		plans := slices.Clone(b.plans)
		b.mu.Unlock()
		if slices.Contains(plans, plan) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the page never sent the plan %s, but %s", plan, strings.Join(plans, ", "))
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestQueryPrometheus runs queries that are typed, clicked and in the URL.
func TestQueryPrometheus(t *testing.T) {
	t.Parallel()
	api := newBackend(t, options())
	b := newBrowser(t)
	b.open(api.URL + "/?query=up#query")
	b.sees(`document.querySelector('#answer')?.textContent.includes('up{instance="<img')`)
	b.open(api.URL + "/?query=" + url.QueryEscape(alerts()[0].Expr) + "#query")
	b.sees(`document.querySelector('#answer table, #answer .said, #answer .empty') !== null`)
	b.sees(`!document.querySelector('#answer').textContent.includes('Press Run')`)
	b.click(`.chip:nth-of-type(2)`)
	b.sees(`document.querySelector('#expr')?.value.includes('http_requests_total{job="ticket_system"}')`)
	b.clean()
	b.Do(chromedp.SetValue(chromedp.CSS(`#expr`), `up{`))
	b.click(`#ask button`)
	b.sees(`document.querySelector('#answer')?.textContent.startsWith('parse error: <img')`)
}

// TestLinksRunOnlyKnownQueries opens links with unknown queries, written in ways
// that a server and a browser may parse differently.
func TestLinksRunOnlyKnownQueries(t *testing.T) {
	t.Parallel()
	api := newBackend(t, options())
	b := newBrowser(t)
	for link, want := range map[string]string{
		"/?query=up%5B1y%3A1ms%5D":                        "up[1y:1ms]",
		"/?query=up%5B1y%3A1ms%5D;x&query=up":             "up[1y:1ms];x",
		"/?query=up%5B1y%3A1ms%5D%zz&query=up":            "up[1y:1ms]%zz",
		"/?query=up%5B1y%3A1ms%5D&query=up":               "up[1y:1ms]",
		"/?query=up&query=up%5B1y%3A1ms%5D&x=1#query=abc": "up",
	} {
		api.mu.Lock()
		api.asked = nil
		api.mu.Unlock()
		b.open(api.URL + link)
		b.sees(`document.querySelector('#expr')?.value === ` + strconv.Quote(want))
		b.sees(`document.querySelector('#answer')?.childElementCount > 0`)
		api.mu.Lock()
		asked := slices.Clone(api.asked)
		api.mu.Unlock()
		if ran := slices.Contains(asked, want); ran != (want == "up") {
			t.Errorf("%s: ran: %t; the page sent %q", link, ran, asked)
		}
	}
	b.open(api.URL + "/?query=up%5B1h%5D")
	b.sees(`document.querySelector('#answer')?.textContent.includes('Press Run')`)
	b.click(`#ask button`)
	b.sees(`!document.querySelector('#answer')?.textContent.includes('Press Run')`)
}

// TestBareTarget monitors a service that has only the contract's basic series.
func TestBareTarget(t *testing.T) {
	t.Parallel()
	o := options()
	o.HasAPI, o.HasCrowd, o.Targets = false, false, []string{"http://shop.example:5000"}
	api := newBackend(t, o)
	api.bare = true
	b := newBrowser(t)
	b.LooksLike("", "light", 1280, 900)
	b.open(api.URL)
	b.sees(`document.querySelector('.tile:nth-of-type(5) .value')?.textContent === 'no data'`)
	b.sees(`/\d/.test(document.querySelector('.tile:nth-of-type(1) .value')?.textContent)`)
	b.sees(`document.querySelector('#faults') === null && document.querySelector('[data-plan]') === null`)
	b.screenshot("monitor-light")
	b.clean()
}

// blind returns reasons for all alerts but one. The target has no series for them,
// except that HighCPU has its series on some instances.
func blind() map[string]string {
	lacks := map[string]string{"HighCPU": "judged on 1 of 2 instances: another has no cpu_usage_percent"}
	for _, a := range alerts() {
		if a.Name != "InstanceDown" && a.Name != "HighCPU" {
			lacks[a.Name] = "no series_of_" + a.Name + "{status!=''} " + hostile
		}
	}
	return lacks
}

// TestBlindIsNotQuiet checks that an alert without series is never green, and that
// the page explains why.
func TestBlindIsNotQuiet(t *testing.T) {
	t.Parallel()
	o := options()
	o.HasAPI, o.HasCrowd, o.Targets = false, false, []string{"http://shop.example:5000", "http://shop.example:5000/" + strings.Repeat("x", 300)}
	api := newBackend(t, o)
	api.bare, api.quiet, api.coverage = true, true, blind()
	b := newBrowser(t)
	b.LooksLike("", "light", 1280, 900)
	b.open(api.URL)
	b.sees(`document.querySelector('#overall')?.textContent === 'Quiet, but 11 of 12 alerts have no series'`)
	b.sees(`document.querySelector('#overall').dataset.state === 'blind'`)
	b.sees(`document.querySelectorAll('.lamp[data-state=blind]').length === 10`)
	b.sees(`document.querySelector('#lamps [data-name=HighLatency]').ariaLabel === 'HighLatency: no series'`)
	b.sees(`document.querySelector('#alert-rows [data-name=HighLatency] [data-role=state]').textContent === 'no series'`)
	b.sees(`document.querySelector('#alert-rows [data-name=HighLatency]').innerText.includes("No series_of_HighLatency{status!=''} <img")`)
	b.sees(`document.querySelector('#alert-rows [data-name=HighCPU]').innerText.includes('Judged on 1 of 2 instances')`)
	b.sees(`document.querySelector('#alert-rows [data-name=InstanceDown] [data-role=state]').textContent === 'inactive'`)
	// Only alerts with series are green.
	const green = `[...document.querySelectorAll('.lamp')].filter((l) => getComputedStyle(l, '::before').backgroundColor === 'rgb(18, 112, 47)').map((l) => l.dataset.name).sort()`
	b.sees(green + `.filter((name) => !name.startsWith('Mine')).join() === 'HighCPU,InstanceDown'`)
	b.Fits("the page")
	b.screenshot("blind-light")
	b.LooksLike("", "dark", 1280, 900)
	b.screenshot("blind-dark")
	b.LooksLike("", "light", 390, 844)
	b.Fits("the page")
	b.screenshot("blind-390")
	b.clean()

	b.open(api.URL + "/runbooks/HighLatency")
	b.sees(`document.querySelector('#overall')?.textContent === 'no series'`)

	// An unknown state is not quiet either.
	api.mu.Lock()
	api.coverage = map[string]string{"HighLatency": "no target answers"}
	api.mu.Unlock()
	b.open(api.URL)
	b.sees(`document.querySelector('#lamps [data-name=HighLatency]')?.dataset.state === 'unknown'`)
	api.mu.Lock()
	api.away = true
	api.mu.Unlock()
	b.sees(`document.querySelector('#overall')?.textContent === 'Quiet, but it is unknown which alerts have series'`)
	b.sees(`document.querySelectorAll('.lamp[data-state=inactive]').length === 0`)

	// This is the control: with all series, the page is quiet.
	api.mu.Lock()
	api.away, api.coverage = false, nil
	api.mu.Unlock()
	b.sees(`document.querySelector('#overall')?.textContent === 'All quiet' && document.querySelector('#overall').dataset.state === 'inactive'`)
}
