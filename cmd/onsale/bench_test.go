package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// benchRounds is how often the two sides of a ratio take turns, and benchTime the length of
// a turn. The speed of the machine changes from minute to minute, so only adjacent turns are
// comparable.
const (
	benchRounds = 5
	benchTime   = 4 * time.Second
)

// BenchmarkSoldAgainstDenied measures with wrk how many purchases per second one concert
// sells, as a share of the rate at which the same call is denied. That is the cost of the
// sale and its database on top of the HTTP server. Run it with `make bench`.
func BenchmarkSoldAgainstDenied(b *testing.B) {
	for name, where := range databases {
		for _, connections := range []int{64, 512} {
			b.Run(fmt.Sprintf("%s/c%d", name, connections), func(b *testing.B) {
				env, dir := where(b)
				p := serve(b, env, "--faults", "off", dir)
				r := newRush(b, p.url(), 2_000_000_000)
				for b.Loop() {
					measureRatio(b, r, connections)
				}
			})
		}
	}
}

func measureRatio(b *testing.B, r *rush, connections int) {
	b.Helper()
	var ratios, sold, denied []float64
	for range benchRounds {
		r.plan(`{"preset":"off"}`)
		sold = append(sold, r.wrk(connections))
		r.plan(`{"routes":{"/buy/{concert_id}":{"deny":1}}}`)
		denied = append(denied, r.wrk(connections))
		ratios = append(ratios, sold[len(sold)-1]/denied[len(denied)-1])
	}
	b.ReportMetric(median(sold), "sold/s")
	b.ReportMetric(median(denied), "denied/s")
	b.ReportMetric(median(ratios), "sold/denied")
	b.ReportMetric(0, "ns/op") // has no meaning here
}

// plan sets the fault plan.
func (r *rush) plan(plan string) {
	r.t.Helper()
	if status, body := call(r.t.Context(), r.client, http.MethodPut, *r.base.Load()+"/faults", plan); status != http.StatusOK {
		r.t.Fatalf("PUT /faults answered %d %s", status, body)
	}
}

// wrk buys as fast as it can, and returns the requests per second.
func (r *rush) wrk(connections int) float64 {
	r.t.Helper()
	script := filepath.Join(r.t.TempDir(), "buy.lua")
	lua := "wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\n" +
		"wrk.body = '{\"user_email\":\"testuser_1234@example.com\",\"quantity\":1}'\n"
	if err := os.WriteFile(script, []byte(lua), 0o600); err != nil {
		r.t.Fatal(err)
	}
	wrk := exec.CommandContext(r.t.Context(), "wrk", "-t1", "-c", strconv.Itoa(connections), "-d", benchTime.String(),
		"-s", script, fmt.Sprintf("%s/buy/%d", *r.base.Load(), r.concert))
	out, err := wrk.CombinedOutput()
	if err != nil {
		r.t.Fatalf("wrk (apt-get install wrk): %v\n%s", err, out)
	}
	m := regexp.MustCompile(`Requests/sec:\s+([\d.]+)`).FindSubmatch(out)
	if m == nil {
		r.t.Fatalf("wrk wrote no rate:\n%s", out)
	}
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return rate
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
