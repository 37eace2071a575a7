package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/monitor/discord/discordtest"
)

// quietTime is how long there must be no message: nine times most windows of alerts at demo
// pace, where a minute takes 5 s.
const quietTime = 45 * time.Second

// TestDrillQuiet runs the demo users with the default plan, which must cause no message. Then
// it sells out a concert, which must cause one message.
func TestDrillQuiet(t *testing.T) {
	t.Parallel()
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	// Other tests keep the processor busy.
	up := launch(t, []string{"DISCORD_URL=" + receiver.URL()},
		"up", "--listen", "127.0.0.1:0", dataDir(t), "--alert-cpu-percent", "100", "--alert-memory-percent", "100")
	up.waitFor(`ready on (http://\S+)`)
	w := watch(t, up.url())
	time.Sleep(quietTime)
	if awaitMessage := titles(receiver); len(awaitMessage) > 0 {
		t.Fatalf("the demo users and the default plan caused messages: %v\n%s", awaitMessage, w)
	}

	r := newRush(t, up.url(), 20)
	var buyers sync.WaitGroup
	for range 3 { // each waits for the simulated payment
		buyers.Go(func() { r.once(t.Context(), up.url(), r.buyer(), 10) })
	}
	buyers.Wait()
	if r.answers[http.StatusOK] != 2 || r.answers[http.StatusConflict] != 1 {
		t.Fatalf("three buyers of 10 of 20 tickets got %v", r.answers)
	}
	const limit = 100 * time.Second // the alert resolves after 50 s
	until(t, limit, "ConcertSoldOut", func() string {
		if awaitMessage := titles(receiver); len(awaitMessage) < 2 {
			return fmt.Sprintf("only the messages %v", awaitMessage)
		}
		return ""
	})
	for i, title := range titles(receiver) {
		if status := []string{"FIRING", "RESOLVED"}[min(i, 1)]; i > 1 || !isTitle(title, status, "ConcertSoldOut") {
			t.Errorf("a concert that sold out was reported as %q", title)
		}
	}
}

// titles returns the titles of the received messages.
func titles(r *discordtest.Receiver) []string {
	var all []string
	for _, m := range r.Messages() {
		all = append(all, m.Title())
	}
	return all
}

// awaitMessage waits until a message about an alert was received, FIRING or RESOLVED.
func awaitMessage(t *testing.T, r *discordtest.Receiver, w *watcher, status, alert string) {
	t.Helper()
	until(t, toInbox, status+" "+alert, func() string {
		if slices.ContainsFunc(titles(r), func(s string) bool { return isTitle(s, status, alert) }) {
			return ""
		}
		return fmt.Sprintf("messages %v; alerts now: %v", titles(r), w.states())
	})
}

// TestDrillMonitor monitors another server, which is killed and restarted.
func TestDrillMonitor(t *testing.T) {
	t.Parallel()
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	dir := dataDir(t)
	server := serve(t, nil, dir, "--faults", "off")
	monitor := launch(t, []string{"DISCORD_URL=" + receiver.URL()},
		"monitor", "--listen", "127.0.0.1:0", dataDir(t), "--target", server.url(), "--pace", "demo",
		"--alert-cpu-percent", "100", "--alert-memory-percent", "100")
	w := watch(t, monitor.waitFor(`ready on (http://\S+)`))
	awaitUp(t, w, "1")

	server.kill()
	awaitMessage(t, receiver, w, "FIRING", "InstanceDown")
	serve(t, nil, dir, "--faults", "off", "--listen", strings.TrimPrefix(server.url(), "http://"))
	awaitMessage(t, receiver, w, "RESOLVED", "InstanceDown")
	if code := monitor.terminate(); code != command.ExitOK {
		t.Errorf("exit code %d", code)
	}
}

// awaitUp waits until the only target is up (1) or down (0).
func awaitUp(t *testing.T, w *watcher, value string) {
	t.Helper()
	until(t, startLimit, "up "+value, func() string {
		status, body := call(t.Context(), w.client, http.MethodGet, w.base+"/api/v1/query?query=up", "")
		if status == http.StatusOK && strings.Contains(string(body), `,"`+value+`"]`) {
			return ""
		}
		return fmt.Sprintf("%d %s", status, body)
	})
}

// TestDrillEarlierService monitors a service that exports only the series of the earlier ticket
// service. The alerts that read them work, and no others fire.
func TestDrillEarlierService(t *testing.T) {
	t.Parallel()
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	service := new(earlierService)
	target := httptest.NewServer(service)
	t.Cleanup(target.Close)
	monitor := launch(t, []string{"DISCORD_URL=" + receiver.URL()},
		"monitor", "--listen", "127.0.0.1:0", dataDir(t), "--target", target.URL, "--pace", "demo")
	w := watch(t, monitor.waitFor(`ready on (http://\S+)`))
	awaitUp(t, w, "1")
	time.Sleep(10 * time.Second) // alerts on missing series would fire by now
	if awaitMessage := titles(receiver); len(awaitMessage) > 0 {
		t.Fatalf("a healthy service caused messages: %v\n%s", awaitMessage, w)
	}
	service.failing.Store(true)
	awaitMessage(t, receiver, w, "FIRING", "HighFailureRate")
	service.failing.Store(false)
	awaitMessage(t, receiver, w, "RESOLVED", "HighFailureRate")
	target.Close()
	awaitMessage(t, receiver, w, "FIRING", "InstanceDown")
	known := regexp.MustCompile(`\] (HighFailureRate|AvailabilityBurn(Fast|Slow)|InstanceDown|MetricsMissing)$`)
	for _, title := range titles(receiver) {
		if !known.MatchString(title) {
			t.Errorf("message %q, for which the service has no series", title)
		}
	}
}
