package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/mem"

	"onsale/internal/catalog"
)

// buttons presses the buttons on the page of `onsale up`, with the calls that the page makes.
type buttons struct {
	t       *testing.T
	base    string
	client  *http.Client
	watcher *watcher
	alerts  []catalog.Alert
	// allowed are the alerts that the page announced, and fired those that fired.
	allowed map[string]bool
}

// ofMachine are the alerts that other programs on the machine can cause.
var ofMachine = map[string]bool{"HighCPU": true, "HighMemory": true}

// pressLimit is how long an alert can take at demo pace.
const pressLimit = 30 * time.Second

// TestDrillEveryButton presses the button of every alert in `onsale up` with default flags.
// Each fires its alert in time, or gives the reason why it cannot. Buttons that do not
// disturb one another are pressed at the same time.
func TestDrillEveryButton(t *testing.T) {
	t.Parallel()
	heavyDrills.Lock()
	t.Cleanup(heavyDrills.Unlock)
	memory, err := mem.VirtualMemory()
	if err != nil {
		t.Fatal(err)
	}
	// The only flag protects the memory of other programs on this machine.
	used := 100 * float64(memory.Total-memory.Available) / float64(memory.Total)
	up := launch(t, nil, "up", "--listen", "127.0.0.1:0", dataDir(t), "--alert-memory-percent", fmt.Sprintf("%.0f", used+12))
	up.waitFor(`ready on (http://\S+)`)
	b := &buttons{t: t, base: up.url(), client: newClient(), allowed: map[string]bool{}}
	t.Cleanup(b.client.CloseIdleConnections)
	b.alerts = catalog.Alerts(catalog.DefaultSettings(), catalog.Demo())
	b.watcher = watch(t, b.base)
	(&drill{t: t, base: b.base, client: b.client}).query(`sum(rate(http_requests_total{endpoint=~"/buy.*"}[5s])) > 0.5`)

	b.press("AvailabilityBurnSlow", "LatencyBurnSlow", "HighMemory")
	b.press("HighFailureRate", "HighLatency", "ItemErrors", "DatabaseErrors", "AvailabilityBurnFast", "LatencyBurnFast", "DatabaseSlow",
		"QueueFilling", "BooksDoNotBalance", "ConcertSoldOut")
	b.press("HighDenialRate", "HighCPU")
	b.press("InstanceDown", "MetricsMissing")
	for _, a := range b.alerts {
		if _, pressed := b.allowed[a.Name]; !pressed {
			t.Errorf("the button of %s was not pressed", a.Name)
		}
	}
	if got := b.faults("GET", ""); !strings.Contains(got.Summary, "/buy/{concert_id} delay 1s to 4s; /buy_random_deny/{concert_id} delay 1s to 4s, deny 9.9 %") {
		t.Errorf("the default plan is %s", got.Summary)
	}
}

// faultsAnswer has the fields of /faults that the page reads.
type faultsAnswer struct {
	Summary string
	InForce []struct {
		Fault       string
		LeftSeconds float64 `json:"left_seconds"`
		End         json.RawMessage
	} `json:"in_force"`
}

// faults reads or patches the fault plan.
func (b *buttons) faults(method, patch string) (answer faultsAnswer) {
	b.t.Helper()
	status, body := call(b.t.Context(), b.client, method, b.base+"/faults", patch, "Content-Type", "application/merge-patch+json")
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		b.t.Fatalf("%s /faults %s: %d %s", method, patch, status, body)
	}
	return answer
}

// provocation has the fields of /provocations that the page reads.
type provocationAnswer struct {
	Alert, Faults, Cannot, Note string
	Fires                       []string
	WithinSeconds               float64 `json:"within_seconds"`
}

func (b *buttons) provocations() map[string]provocationAnswer {
	b.t.Helper()
	status, body := call(b.t.Context(), b.client, http.MethodGet, b.base+"/provocations", "")
	var answer struct{ Provocations []provocationAnswer }
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		b.t.Fatalf("GET /provocations: %d %s", status, body)
	}
	all := map[string]provocationAnswer{}
	for _, p := range answer.Provocations {
		all[p.Alert] = p
	}
	return all
}

// press presses buttons, waits until their alerts fire, and ends the faults one by one, like
// the page.
func (b *buttons) press(names ...string) {
	b.t.Helper()
	until(b.t, toInbox, "quiet before "+names[0], func() string {
		var busy []string
		for name := range b.active() {
			if slices.Contains(names, name) && !ofMachine[name] {
				busy = append(busy, name)
			}
		}
		return strings.Join(busy, ", ")
	})
	pressed, waiting, mayFire := time.Now(), map[string]time.Time{}, slices.Collect(func(yield func(string) bool) {
		for name := range b.watcher.states() {
			yield(name) // from before
		}
	})
	for _, name := range names {
		p := b.provocations()[name]
		mayFire = append(append(mayFire, name), p.Fires...)
		b.allowed[name] = true
		switch {
		case p.Faults == "" && len(p.Cannot) > 20 && p.Note == p.Cannot:
			b.t.Logf("%-21s cannot fire here: %s", name, p.Cannot)
		case p.Faults == "":
			b.t.Errorf("%s has neither faults nor a reason: %+v", name, p)
		default:
			b.faults("PATCH", p.Faults)
			waiting[name] = time.Now()
			if p.WithinSeconds > pressLimit.Seconds() {
				b.t.Errorf("%s is announced to take %v s", name, p.WithinSeconds)
			}
		}
	}
	until(b.t, pressLimit, "alerts", func() string {
		active := b.active()
		var missing []string
		for _, name := range names {
			if since, ok := waiting[name]; ok {
				if !active[name] {
					missing = append(missing, name)
					continue
				}
				b.t.Logf("%-21s %.1f s", name, time.Since(since).Seconds())
				delete(waiting, name)
			}
		}
		return strings.Join(missing, ", ")
	})
	for _, f := range b.faults("GET", "").InForce {
		if f.LeftSeconds > 0 {
			b.faults("PATCH", string(f.End))
		}
	}
	for name, state := range b.watcher.states() {
		if state == "firing" && !slices.Contains(mayFire, name) && !ofMachine[name] {
			b.t.Errorf("%s fires, which the page does not announce for %v", name, names)
		}
	}
	b.t.Logf("%v took %.1f s, also firing: %v", names, time.Since(pressed).Seconds(), b.watcher.states())
}

// active returns the alerts that fire and are not inhibited.
func (b *buttons) active() map[string]bool {
	b.t.Helper()
	status, body := call(b.t.Context(), b.client, http.MethodGet, b.base+"/api/v2/alerts", "")
	var alerts []struct {
		Labels map[string]string
		Status struct{ State string }
	}
	if err := json.Unmarshal(body, &alerts); err != nil || status != http.StatusOK {
		b.t.Fatalf("GET /api/v2/alerts: %d %s", status, body)
	}
	all := map[string]bool{}
	for _, a := range alerts {
		if a.Status.State == "active" {
			all[a.Labels["alertname"]] = true
		}
	}
	return all
}
