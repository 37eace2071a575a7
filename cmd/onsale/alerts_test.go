package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/mem"
	_ "modernc.org/sqlite"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/catalog"
	"onsale/internal/monitor/discord/discordtest"
)

// How long an alert can take at demo pace, on a machine that also runs other tests.
const (
	toInbox = 60 * time.Second
	toQuiet = 120 * time.Second // the slow burn alerts have a window of 50 s
)

// drill fires alerts in one `onsale up`, with the faults that the catalogue names for each.
type drill struct {
	t        *testing.T
	up       *process
	base     string
	client   *http.Client
	watcher  *watcher
	receiver *discordtest.Receiver
	fired    map[string]bool
}

// heavyDrills is locked by the drill that fills the processors and the memory. The next drill
// begins while the alerts of the one before resolve.
var heavyDrills sync.Mutex

// TestDrillEveryAlert fires each alert of the catalogue. Each must be pending, firing,
// received by a fake Discord, and resolved.
func TestDrillEveryAlert(t *testing.T) {
	heavyDrills.Lock() // before t.Parallel, so that this test runs first
	leaveMachine := sync.OnceFunc(heavyDrills.Unlock)
	t.Cleanup(leaveMachine)
	t.Parallel()
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	receiver.Next(1, discordtest.Busy(2*time.Second))
	memory, err := mem.VirtualMemory()
	if err != nil {
		t.Fatal(err)
	}
	usedPercent := 100 * float64(memory.Total-memory.Available) / float64(memory.Total)
	dir := filepath.Join(t.TempDir(), "data")
	// A hundred buyers can fill small batches and a short queue. The memory limit is well
	// below the use with ballast, and well above the use without.
	up := launch(t, []string{"DISCORD_URL=" + receiver.URL(), "DISCORD_MENTION=@here"},
		"up", "--listen", "127.0.0.1:0", "--data-dir", dir, "--faults", "off", "--crowd", "40",
		"--max-batch", "8", "--queue-limit", "80", "--alert-memory-percent", fmt.Sprintf("%.1f", usedPercent+ballastPercent/2))
	up.waitFor(`ready on (http://\S+)`)
	d := &drill{t: t, up: up, base: up.url(), client: newClient(), receiver: receiver, fired: map[string]bool{}}
	t.Cleanup(d.client.CloseIdleConnections)
	d.watcher = watch(t, d.base)
	d.query(`sum(rate(http_requests_total{endpoint=~"/buy.*"}[5s])) > 0.5`) // the demo users are buying

	d.faults(provocation(t, "HighFailureRate", "HighLatency", "ItemErrors", "DatabaseSlow", "LatencyBurnSlow", "AvailabilityBurnSlow"))
	d.await("HighFailureRate", "HighLatency", "ItemErrors", "DatabaseSlow", "LatencyBurnFast", "AvailabilityBurnFast")
	d.faults(withBallast(t, provocation(t, "HighDenialRate", "DatabaseErrors", "HighMemory", "HighCPU"), usedPercent+ballastPercent))
	d.await("HighDenialRate", "DatabaseErrors", "HighMemory", "HighCPU")
	d.faults(`{"preset":"off"}`)
	// The slow burn alerts are inhibited while the fast ones fire.
	d.await("LatencyBurnSlow", "AvailabilityBurnSlow")

	d.unbalance(dir, +1)
	concert := newRush(t, d.base, 20)
	concert.sellOut(20)
	d.await("BooksDoNotBalance", "ConcertSoldOut")
	d.unbalance(dir, -1)
	leave := d.fillQueue()
	d.await("QueueFilling")
	d.faults(`{"preset":"off"}`)
	leave()

	d.faults(provocation(t, "InstanceDown", "MetricsMissing"))
	d.await("InstanceDown", "MetricsMissing")
	d.faults(`{"preset":"off"}`)

	leaveMachine()
	d.allQuiet()
	d.everyAlertWasFired()
	d.messagesAreWhole()
	answers := d.answers()
	if code := up.terminate(); code != command.ExitOK {
		t.Errorf("exit code %d", code)
	}
	d.urlIsKept(answers)
}

// faults sets the plan.
func (d *drill) faults(plan string) {
	d.t.Helper()
	if status, body := call(d.t.Context(), d.client, http.MethodPut, d.base+"/faults", plan); status != http.StatusOK {
		d.t.Fatalf("PUT /faults %s: %d %s", plan, status, body)
	}
}

// query waits until a PromQL query has an answer.
func (d *drill) query(expr string) {
	d.t.Helper()
	until(d.t, startLimit, expr, func() string {
		status, body := call(d.t.Context(), d.client, http.MethodGet, d.base+"/api/v1/query?query="+url.QueryEscape(expr), "")
		if status == http.StatusOK && strings.Contains(string(body), `"value"`) {
			return ""
		}
		return fmt.Sprintf("%d %s", status, body)
	})
}

// await waits until the alerts were pending and firing, and their messages were received.
// Alerts that fire immediately are never pending.
func (d *drill) await(names ...string) {
	d.t.Helper()
	began := time.Now()
	alerts := catalog.Alerts(catalog.DefaultSettings(), catalog.Demo())
	until(d.t, toInbox, "alerts", func() string {
		var missing []string
		for _, name := range names {
			i := slices.IndexFunc(alerts, func(a catalog.Alert) bool { return a.Name == name })
			if i < 0 {
				return "no alert " + name + " in the catalogue"
			}
			s := d.watcher.sighting(name)
			switch {
			case s.pending.IsZero() && alerts[i].For > 0 && !d.wasPending(name):
				missing = append(missing, name+" was not seen pending")
			case s.firing.IsZero():
				missing = append(missing, name+" does not fire")
			case !d.received("FIRING", name):
				missing = append(missing, name+" was not received")
			}
		}
		return strings.Join(missing, ", ")
	})
	for _, name := range names {
		d.fired[name] = true
	}
	d.t.Logf("%-6s %s", time.Since(began).Round(100*time.Millisecond), strings.Join(names, " "))
}

// wasPending queries whether an alert was pending. Some are pending for only a second, which
// the watcher can miss on a busy machine.
func (d *drill) wasPending(name string) bool {
	d.t.Helper()
	expr := fmt.Sprintf(`count_over_time(ALERTS{alertname=%q,alertstate="pending"}[10m]) > 0`, name)
	status, body := call(d.t.Context(), d.client, http.MethodGet, d.base+"/api/v1/query?query="+url.QueryEscape(expr), "")
	return status == http.StatusOK && strings.Contains(string(body), `"value"`)
}

// received reports whether a message about an alert was received.
func (d *drill) received(status, name string) bool {
	return slices.ContainsFunc(d.receiver.Messages(), func(m discordtest.Message) bool {
		for _, e := range m.Embeds {
			if isTitle(e.Title, status, name) {
				return true
			}
		}
		return false
	})
}

// isTitle reports whether a title is that of a message about an alert with this status.
func isTitle(title, status, alert string) bool {
	return strings.HasPrefix(title, "["+status) && strings.HasSuffix(title, "] "+alert)
}

// allQuiet waits until no alert fires, and each was reported as resolved.
func (d *drill) allQuiet() {
	d.t.Helper()
	began := time.Now()
	until(d.t, toQuiet, "all quiet", func() string {
		var missing []string
		for name := range d.fired {
			if !d.received("RESOLVED", name) {
				missing = append(missing, name+" was not reported as resolved")
			}
		}
		if states := d.watcher.states(); len(states) > 0 {
			missing = append(missing, fmt.Sprintf("alerts: %v", states))
		}
		slices.Sort(missing)
		return strings.Join(missing, ", ")
	})
	d.t.Logf("%-6s until all was quiet\n%s", time.Since(began).Round(100*time.Millisecond), d.watcher)
}

// everyAlertWasFired fails the test if the catalogue has an alert that no drill fires.
func (d *drill) everyAlertWasFired() {
	d.t.Helper()
	for _, a := range catalog.Alerts(catalog.DefaultSettings(), catalog.Demo()) {
		if !d.fired[a.Name] {
			d.t.Errorf("no drill fires %s", a.Name)
		}
	}
}

// messagesAreWhole checks that each message is valid and has a runbook, that the message
// answered with 429 was sent again, and that only firing critical alerts mention people.
// After the 429 a more severe message can go first.
func (d *drill) messagesAreWhole() {
	d.t.Helper()
	requests := d.receiver.Requests()
	if requests[0].Status != http.StatusTooManyRequests {
		d.t.Errorf("the first request got %d, want 429", requests[0].Status)
	}
	for _, r := range requests {
		if r.Problem != "" {
			d.t.Errorf("a message that Discord would reject: %s", r.Problem)
		}
	}
	again := func(r discordtest.Request) bool { return r.Title == requests[0].Title && r.Status/100 == 2 }
	if !slices.ContainsFunc(requests[1:], again) {
		d.t.Errorf("the message %q was not sent again", requests[0].Title)
	}
	mentions := 0
	for _, m := range d.receiver.Messages() {
		critical := strings.Contains(m.JSON, `"critical"`) && strings.Contains(m.JSON, "[FIRING")
		if got := strings.Contains(m.Content, "@here"); got != critical {
			d.t.Errorf("mention %t on %s", got, m.JSON)
		} else if got {
			mentions++
		}
		if !strings.Contains(m.JSON, d.base+"/runbooks/") {
			d.t.Errorf("no runbook in %s", m.JSON)
		}
	}
	if mentions == 0 {
		d.t.Error("no message mentioned people")
	}
	for name := range d.fired {
		if status, _ := call(d.t.Context(), d.client, http.MethodGet, d.base+"/runbooks/"+name, ""); status != http.StatusOK {
			d.t.Errorf("runbook of %s: %d", name, status)
		}
	}
}

// urlIsKept checks that no answer and no log line contains the token of the webhook.
func (d *drill) urlIsKept(answers map[string]string) {
	d.t.Helper()
	answers["the log"] = d.up.stderr.String()
	for where, text := range answers {
		if strings.Contains(text, discordtest.Token) {
			d.t.Errorf("%s contains the token of the webhook", where)
		}
	}
}

// answers returns the answers of the server that need no token.
func (d *drill) answers() map[string]string {
	d.t.Helper()
	answers := map[string]string{}
	for _, path := range []string{"/", "/metrics", "/inbox", "/api/v1/status/config", "/api/v1/alerts", "/api/v2/status", "/api/v2/receivers"} {
		status, body := call(d.t.Context(), d.client, http.MethodGet, d.base+path, "")
		if status != http.StatusOK {
			d.t.Errorf("GET %s: %d", path, status)
		}
		answers[path] = string(body)
	}
	return answers
}

// unbalance changes a row of the database without the server.
func (d *drill) unbalance(dir string, by int) {
	d.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "onsale.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(d.t.Context(), `UPDATE concerts SET sold = sold + ? WHERE id = 1`, by); err != nil {
		d.t.Fatal(err)
	}
}

// fillQueue starts more buyers than a slow database can serve. The returned function stops
// them.
func (d *drill) fillQueue() (leave func()) {
	d.t.Helper()
	d.faults(provocation(d.t, "QueueFilling"))
	r := newRush(d.t, d.base, 1_000_000)
	stop := make(chan struct{})
	var buyers sync.WaitGroup
	for range 88 { // a batch, and all that the queue takes
		buyers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if status, _ := r.once(d.t.Context(), d.base, r.buyer(), 1); status != http.StatusOK {
					time.Sleep(watchPause)
				}
			}
		})
	}
	return func() {
		close(stop)
		buyers.Wait()
	}
}

// sellOut buys all tickets, and checks that the next purchase gets sold_out.
func (r *rush) sellOut(capacity int) {
	r.t.Helper()
	for range capacity {
		if status, _ := r.once(r.t.Context(), *r.base.Load(), r.buyer(), 1); status != http.StatusOK {
			r.t.Fatalf("a ticket was not sold: %d", status)
		}
	}
	if status, told := r.once(r.t.Context(), *r.base.Load(), r.buyer(), 1); status != http.StatusConflict || told.Code != "sold_out" {
		r.t.Fatalf("bought from a concert that is sold out: %d %s", status, told.Code)
	}
}

// ballastPercent is how much of the machine's memory the drill allocates: twice the distance
// from the current use to the threshold.
const ballastPercent = 20

// withBallast sets the target in a plan that fills the memory.
func withBallast(t *testing.T, plan string, percent float64) string {
	t.Helper()
	const size = `"percent":92`
	if !strings.Contains(plan, size) {
		t.Fatalf("the plan does not fill memory to 92 %%: %s", plan)
	}
	return strings.Replace(plan, size, fmt.Sprintf(`"percent":%.1f`, percent), 1)
}
