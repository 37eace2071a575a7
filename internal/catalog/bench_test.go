package catalog_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/promqltest"

	"onsale/internal/catalog"
)

// BenchmarkEvaluation measures one evaluation of all rules at demo pace, on the
// series of a real Onsale with 50 concerts and ten minutes of history. An
// evaluation happens once per second, so 10 ms are 1 % of a core.
func BenchmarkEvaluation(b *testing.B) {
	const seconds = 600
	var load strings.Builder
	fmt.Fprintln(&load, "load 1s")
	for _, line := range regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? \S+$`).FindAllStringSubmatch(scrape(b), -1) {
		labels := strings.TrimPrefix(line[2]+`,instance="api:8000",job="ticket_system"`, ",")
		fmt.Fprintf(&load, "  %s{%s} 0+1x%d\n", line[1], labels, seconds)
	}
	for i := range 50 {
		fmt.Fprintf(&load, "  onsale_concert_tickets_sold{concert=\"%d\",instance=\"api:8000\",job=\"ticket_system\"} 0+1x%d\n", i, seconds)
		fmt.Fprintf(&load, "  onsale_concert_capacity_tickets{concert=\"%d\",instance=\"api:8000\",job=\"ticket_system\"} 400x%d\n", i, seconds)
	}
	fmt.Fprintf(&load, "  up{instance=\"api:8000\",job=\"ticket_system\"} 1x%d\n", seconds)
	sim := newSimulator(b, rulesFor(b, catalog.Demo(), ""))
	storage := promqltest.LoadedStorage(b, load.String())
	defer storage.Close()
	s := &simulation{storage: storage, engine: sim.engine}
	s.load(b, sim.rules, time.Second)
	at := 0
	for ; at < seconds-60; at++ {
		s.group.Eval(b.Context(), time.Unix(int64(at), 0))
	}
	for b.Loop() {
		s.group.Eval(b.Context(), time.Unix(int64(at), 0))
		at++
	}
}
