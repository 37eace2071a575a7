//go:build soak

package main

import (
	"bytes"
	"encoding/csv"
	"flag"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var locustTime = flag.Duration("locust", time.Minute, "how long each scenario of Locust runs")

// TestLocust runs the real Locust with the scenarios of the contract, 500 users
// each, against the default plan on PostgreSQL. Denials are the only failures,
// and as many as the plan says.
func TestLocust(t *testing.T) {
	scenario, err := filepath.Abs("../../scripts/locust/tickets.py")
	if err != nil {
		t.Fatal(err)
	}
	for class, deny := range map[string]float64{"Tickets": 0, "TicketsRandomDeny": 0.099} {
		t.Run(class, func(t *testing.T) {
			p := serve(t, database(server.Database(t)), "--faults", "default")
			r := newRush(t, p.url(), 1_000_000)
			report := filepath.Join(t.TempDir(), "report")
			locust := exec.CommandContext(t.Context(), "locust", "-f", scenario, "-H", p.url(), "--headless",
				"-u", "500", "-r", "50", "-t", locustTime.String(), "-s", "10", "--csv", report, "--only-summary", class)
			out, err := locust.CombinedOutput()
			t.Logf("%s", out)
			if err != nil && locust.ProcessState.ExitCode() != 1 { // 1: there were denials
				t.Fatal(err)
			}
			purchases, denied := tally(t, report, map[string]float64{"/buy/[id]": 0, "/buy_random_deny/[id]": deny})
			if purchases < 100 {
				t.Fatalf("only %d purchases", purchases)
			}
			checkShare(t, denied, purchases, deny)
			if sold := r.verify(); sold != purchases-denied {
				t.Errorf("the books have %d purchases, Locust was told of %d", sold, purchases-denied)
			}
		})
	}
}

// tally reads Locust's report: how many purchases there were and how many of
// them failed. Nothing else may have failed.
func tally(t *testing.T, report string, mayFail map[string]float64) (purchases, failed int) {
	t.Helper()
	file, err := os.Open(report + "_stats.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		name, requests, failures := row[1], number(t, row[2]), number(t, row[3])
		switch deny, purchase := mayFail[name]; {
		case purchase:
			purchases, failed = purchases+requests, failed+failures
			if deny == 0 && failures > 0 {
				t.Errorf("%d of %d calls of %s failed", failures, requests, name)
			}
		case name != "Aggregated" && failures > 0:
			t.Errorf("%d of %d calls of %s failed", failures, requests, name)
		}
	}
	onlyStatus(t, report, "409")
	return purchases, failed
}

// onlyStatus checks that every failure in Locust's report is of one status.
func onlyStatus(t *testing.T, report, status string) {
	t.Helper()
	text, err := os.ReadFile(report + "_failures.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if !strings.Contains(row[2], status) {
			t.Errorf("%s %s failed: %s, %s times", row[0], row[1], row[2], row[3])
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkShare fails when a share lies outside 4 standard deviations, which a
// right one does once in 16,000 runs.
func checkShare(t *testing.T, denied, purchases int, want float64) {
	t.Helper()
	got := float64(denied) / float64(purchases)
	bound := 4 * math.Sqrt(want*(1-want)/float64(purchases))
	t.Logf("%d of %d denied: %.4f, want %.4f ± %.4f", denied, purchases, got, want, bound)
	if math.Abs(got-want) > bound {
		t.Errorf("share of denials %.4f, want %.4f ± %.4f", got, want, bound)
	}
}
