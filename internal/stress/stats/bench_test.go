package stats_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/stress/stats"
)

// BenchmarkRecord measures recording one request, including the look-up of its name, by
// as many goroutines as there are cores.
func BenchmarkRecord(b *testing.B) {
	b.Run("off", func(b *testing.B) { benchmarkRecord(b, stats.Options{Off: true}) })
	b.Run("response", func(b *testing.B) { benchmarkRecord(b, stats.Options{}) })
	b.Run("separate", func(b *testing.B) { benchmarkRecord(b, stats.Options{Separate: true}) })
}

func benchmarkRecord(b *testing.B, o stats.Options) {
	b.Helper()
	o.Start = time.Now()
	r := stats.New(o)
	names := []string{"/concerts", "/buy/[id]", "/buy_random_deny/[id]", "/items"}
	var users atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		user := int(users.Add(1))
		s := stats.Sample{At: o.Start, Bytes: 120}
		for i := 0; pb.Next(); i++ {
			s.Response = time.Duration(200+i*7919%4000) * time.Microsecond
			s.Service = s.Response
			r.Entry(http.MethodPost, names[i%len(names)]).Record(user, s)
		}
	})
}

func BenchmarkEntry(b *testing.B) {
	r := stats.New(stats.Options{})
	r.Entry("GET", "/concerts")
	b.ReportAllocs()
	for b.Loop() {
		r.Entry("GET", "/concerts")
	}
}

// BenchmarkSnapshot measures the live view, once a second, with the maximum number of
// names.
func BenchmarkSnapshot(b *testing.B) {
	r := stats.New(stats.Options{})
	fill(r, 200, 1000)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		r.Snapshot(now)
	}
}
