//go:build soak

package main

import (
	"context"
	"flag"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"
)

var soakTime = flag.Duration("soak", 10*time.Minute, "how long the soak sells, for each database")

// TestSoak sells, rejects and refunds for a long time. Memory must not grow, and the ledger
// must balance.
func TestSoak(t *testing.T) {
	for name, where := range databases {
		t.Run(name, func(t *testing.T) {
			env, dir := where(t)
			p := serve(t, env, "--faults", "off", "--books-interval", "5s", dir)
			r := newRush(t, p.url(), 1_000_000_000)
			ctx, stop := context.WithTimeout(t.Context(), *soakTime)
			defer stop()
			const buyers = 16
			wait := r.storm(ctx, buyers)

			step := *soakTime / 10
			var heap []float64
			for i := range 10 {
				select {
				case <-time.After(step):
				case <-ctx.Done():
				}
				heap = append(heap, r.metric("go_memstats_heap_inuse_bytes"))
				t.Logf("%3d %%: %8.0f sold, heap %5.1f MB, %3.0f goroutines, ledger difference %.0f", 10*(i+1),
					r.metric(`onsale_purchases_total\{outcome="sold"\}`), heap[i]/1e6,
					r.metric("go_goroutines"), r.metric("onsale_books_difference_tickets"))
			}
			wait()
			if untold := r.verify(); untold > buyers { // those in flight at the end
				t.Errorf("%d purchases without a receipt", untold)
			}
			if first, last := min(heap[1], heap[2]), min(heap[8], heap[9]); last > 2*first+16e6 {
				t.Errorf("heap grew from %.0f to %.0f bytes", first, last)
			}
		})
	}
}

// metric reads one sample.
func (r *rush) metric(pattern string) float64 {
	r.t.Helper()
	status, body := call(r.t.Context(), r.client, http.MethodGet, *r.base.Load()+"/metrics", "")
	m := regexp.MustCompile(`(?m)^` + pattern + ` (\S+)$`).FindSubmatch(body)
	if status != http.StatusOK || m == nil {
		r.t.Fatalf("no sample of %s in /metrics (%d)", pattern, status)
	}
	value, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return value
}
