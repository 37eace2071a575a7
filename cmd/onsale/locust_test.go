//go:build soak

package main

import (
	"flag"
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var locustTime = flag.Duration("locust", time.Minute, "how long each scenario of Locust runs")

// TestLocust runs Locust with the scenarios of the contract, 500 users each, against the
// default plan on PostgreSQL. Denials are the only failures, at the rate of the plan.
func TestLocust(t *testing.T) {
	scenario, err := filepath.Abs("../../scripts/locust/tickets.py")
	if err != nil {
		t.Fatal(err)
	}
	for class, deny := range map[string]float64{"Tickets": 0, "TicketsRandomDeny": 0.099} {
		t.Run(class, func(t *testing.T) {
			p := serve(t, database(server.Database(t)), "--faults", "default")
			r := newRush(t, p.url(), 1_000_000)
			locust := exec.CommandContext(t.Context(), "locust", "-f", scenario, "-H", p.url(), "--headless",
				"-u", "500", "-r", "50", "-t", locustTime.String(), "-s", "10", "--only-summary", class)
			report, err := locust.CombinedOutput()
			t.Logf("%s", report)
			if err != nil && locust.ProcessState.ExitCode() != 1 { // 1: there were denials
				t.Fatal(err)
			}
			purchases, denied := tally(t, string(report))
			if purchases < 100 {
				t.Fatalf("only %d purchases", purchases)
			}
			checkShare(t, denied, purchases, deny)
			if sold := len(r.rows()); sold != purchases-denied {
				t.Errorf("the ledger has %d purchases, Locust counted %d", sold, purchases-denied)
			}
			r.verifyBooks()
		})
	}
}

// Lines of Locust's report: a call with its requests and failures, and a kind of failure. Its
// CSV files lack the last second.
var (
	locustCall    = regexp.MustCompile(`(?m)^\s*(GET|POST) +(\S+) +(\d+) +(\d+)\(`)
	locustFailure = regexp.MustCompile(`(?m)^\s*(\d+) +(GET|POST) (\S+): (.*)$`)
)

// tally reads the purchases and denials from Locust's report. Any other failure fails the test.
func tally(t *testing.T, report string) (purchases, denied int) {
	t.Helper()
	for _, call := range locustCall.FindAllStringSubmatch(report, -1) {
		if call[1] == "POST" {
			purchases += number(t, call[3])
		}
	}
	for _, failure := range locustFailure.FindAllStringSubmatch(report, -1) {
		if failure[2] != "POST" || !strings.Contains(failure[4], "409") {
			t.Errorf("failed: %s", failure[0])
		}
		denied += number(t, failure[1])
	}
	return purchases, denied
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkShare fails the test if a share is outside of 4 standard deviations. That happens by
// chance once in 16,000 runs.
func checkShare(t *testing.T, denied, purchases int, want float64) {
	t.Helper()
	got := float64(denied) / float64(purchases)
	bound := 4 * math.Sqrt(want*(1-want)/float64(purchases))
	t.Logf("%d of %d denied: %.4f, want %.4f ± %.4f", denied, purchases, got, want, bound)
	if math.Abs(got-want) > bound {
		t.Errorf("share of denials %.4f, want %.4f ± %.4f", got, want, bound)
	}
}
