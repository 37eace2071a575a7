package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stormTime is how long the overload lasts, five times as long as an alert waits at
	// demo pace before it fires.
	stormTime = 12 * time.Second
	// probeSoon is the limit for the answer to a probe. It is the default of Kubernetes.
	probeSoon  = time.Second
	probePause = 100 * time.Millisecond
	// seenShare is the share of scrapes, and of probes, that must succeed. The load
	// tester uses half of the processor.
	seenShare = 0.7
	// ownShare is the share of the processor that server, monitoring and load tester must
	// get. With less, the result depends on other processes.
	ownShare = 0.8
)

// TestDrillSeesInAStorm runs server, monitoring and load tester on one processor, with far
// more requests than it can serve. The monitoring must keep scraping, and must not report
// the server as down. It does not run in parallel to other drills, which it would disturb.
func TestDrillSeesInAStorm(t *testing.T) {
	up := launchPinned(t, "up", "--listen", "127.0.0.1:0", dataDir(t), "--faults", "off")
	up.waitFor(`ready on (http://\S+)`)
	becomes(t, up.url(), `sum_over_time(up[3s]) >= bool 3`, "1")

	tester := launchPinned(t, "stress", "--host", up.url(), "--rate", "40000/s", "--prepare")
	sold := func() float64 { return valueOf(t, up.url(), `sum(onsale_purchases_total{outcome="sold"})`) }
	until(t, time.Minute, "the overload", func() string {
		if sold() < 500 {
			return "it has not begun"
		}
		return ""
	})
	used := func() time.Duration { return cpuTime(t, up) + cpuTime(t, tester) }
	began, usedBefore := time.Now(), used()
	asked, soon := probe(t, up.url(), began.Add(stormTime))
	ended, share := time.Now(), (used()-usedBefore).Seconds()/time.Since(began).Seconds()
	tester.kill()

	in := func(function string) float64 {
		storm := at(fmt.Sprintf("up[%ds]", int(ended.Sub(began).Seconds())), ended)
		return valueOf(t, up.url(), function+"("+storm+")")
	}
	scrapes, seen := in("count_over_time"), in("sum_over_time")
	t.Logf("%.0f of %.0f scrapes and %d of %d probes in time, %.0f sold, with %.2f of a processor", seen, scrapes, soon, asked, sold(), share)
	if n := strings.Count(up.stderr.String(), "serving metrics failed"); float64(n) > scrapes-seen {
		t.Errorf("%d log lines for %.0f failed scrapes", n, scrapes-seen)
	}
	if share < ownShare {
		t.Logf("other processes used the processor: the result is not judged")
		return
	}
	if due := ended.Sub(began).Seconds(); seen < seenShare*due {
		t.Errorf("%.0f scrapes succeeded in %.0f s", seen, due)
	}
	if float64(soon) < seenShare*float64(asked) {
		t.Errorf("%d of %d probes were answered within %s", soon, asked, probeSoon)
	}
	for _, alert := range []string{"InstanceDown", "MetricsMissing"} {
		if value(t, up.url(), fmt.Sprintf(`count_over_time(ALERTS{alertname=%q,alertstate="firing"}[1m])`, alert)) != "" {
			t.Errorf("%s fired", alert)
		}
	}
}

// probe requests the paths of probes and scrapes on new connections until the end. It
// returns the number of requests, and of answers in time.
func probe(t *testing.T, base string, end time.Time) (asked, soon int) {
	t.Helper()
	client := &http.Client{Timeout: probeSoon, Transport: &http.Transport{DisableKeepAlives: true}}
	for time.Now().Before(end) {
		for _, path := range []string{"/health", "/ready", "/metrics"} {
			asked++
			if status, _ := call(t.Context(), client, http.MethodGet, base+path, ""); status == http.StatusOK {
				soon++
			}
		}
		time.Sleep(probePause)
	}
	return asked, soon
}

// valueOf returns the value of a query, or 0.
func valueOf(t *testing.T, base, expr string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(value(t, base, expr), 64)
	if err != nil {
		return 0
	}
	return n
}

// launchPinned launches onsale on the first processor that the test can use, with taskset
// from util-linux.
func launchPinned(t *testing.T, args ...string) *process {
	t.Helper()
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		t.Fatalf("taskset (apt-get install util-linux): %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var mine unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mine); err != nil {
		t.Fatal(err)
	}
	first := 0
	for !mine.IsSet(first) {
		first++
	}
	return launchProgram(t, taskset, nil, append([]string{"--cpu-list", strconv.Itoa(first), self}, args...)...)
}
