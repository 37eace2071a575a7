package stats_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"onsale/internal/stress/stats"
)

// truth returns a percentile of sorted times: the nearest rank.
func truth(sorted []time.Duration, percentile float64) time.Duration {
	rank := int(percentile/100*float64(len(sorted)) + 0.5)
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// near reports whether two times agree to three significant digits, or to the
// microsecond.
func near(got stats.MS, want time.Duration) bool {
	return math.Abs(float64(got)-float64(want)) <= math.Max(float64(want)/1000, float64(time.Microsecond))
}

func TestPercentilesAreThoseOfTheSortedTimes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for name, next := range map[string]func() float64{
		"uniform":     func() float64 { return 1e6 + 3e9*random.Float64() },
		"exponential": func() float64 { return 5e6 * random.ExpFloat64() },
		"log-normal":  func() float64 { return 2e7 * math.Exp(1.5*random.NormFloat64()) },
		"two modes": func() float64 {
			if random.IntN(100) < 3 {
				return 2e9 + 1e8*random.Float64()
			}
			return 4e5 + 1e5*random.Float64()
		},
		"minutes": func() float64 { return 3e12 * random.Float64() },
		"always":  func() float64 { return 5_000_000 },
	} {
		r := stats.New(stats.Options{Start: start(), Separate: true})
		e := r.Entry("GET", "/")
		sorted := make([]time.Duration, 50_000)
		sum := 0.0
		for i := range sorted {
			d := max(time.Duration(next()).Round(time.Microsecond), time.Microsecond)
			sorted[i] = d
			sum += float64(d)
			e.Record(i, stats.Sample{Response: d, Service: d / 2})
		}
		slices.Sort(sorted)

		s := r.Snapshot(after(1))
		for where, got := range map[string]stats.Latency{"entry": s.Entries[0].Response, "total": s.Total.Response} {
			for p, v := range map[float64]stats.MS{
				50: got.P50, 66: got.P66, 75: got.P75, 80: got.P80, 90: got.P90, 95: got.P95,
				98: got.P98, 99: got.P99, 99.9: got.P999, 99.99: got.P9999, 100: got.Max,
			} {
				if want := truth(sorted, p); !near(v, want) {
					t.Errorf("%s: p%v of the %s is %v, want %v", name, p, where, time.Duration(v), want)
				}
			}
			if got.Min != stats.MS(sorted[0]) || got.Max != stats.MS(sorted[len(sorted)-1]) {
				t.Errorf("%s: %v to %v, want exactly %v to %v", name, got.Min, got.Max, sorted[0], sorted[len(sorted)-1])
			}
			if want := sum / float64(len(sorted)); math.Abs(float64(got.Mean)-want) > 1 {
				t.Errorf("%s: mean %v, want %v", name, time.Duration(got.Mean), time.Duration(want))
			}
		}
		if got, want := s.Total.Service.P50, truth(sorted, 50)/2; !near(got, want) {
			t.Errorf("%s: median service time %v, want %v", name, time.Duration(got), want)
		}
	}
}

func TestTimesOutOfRangeAreHeldInIt(t *testing.T) {
	t.Parallel()
	for given, want := range map[time.Duration]time.Duration{
		-time.Second:           time.Microsecond,
		0:                      time.Microsecond,
		300 * time.Nanosecond:  time.Microsecond,
		1499 * time.Nanosecond: time.Microsecond,
		1500 * time.Nanosecond: 2 * time.Microsecond,
		time.Hour:              time.Hour,
		26 * time.Hour:         time.Hour,
	} {
		r := stats.New(stats.Options{Start: start()})
		r.Entry("GET", "/").Record(0, sample(given))
		got := r.Snapshot(after(1)).Total.Response
		if w := stats.MS(want); got.Min != w || got.Mean != w || got.P50 != w || got.P9999 != w || got.Max != w {
			t.Errorf("%v counts as %+v, want %v throughout", given, got, want)
		}
	}
}

func TestServiceTimesAreApartOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	r.Entry("GET", "/").Record(0, sample(time.Millisecond))
	s := r.Snapshot(after(1))
	if s.Total.Service != nil || s.Entries[0].Service != nil {
		t.Error("there are service times without Separate")
	}
}

func TestMillisecondsKeepTheirMicroseconds(t *testing.T) {
	t.Parallel()
	for us, want := range map[int64]string{0: "0", 1: "0.001", 1234: "1.234", 3_600_000_000: "3600000"} {
		m := stats.MS(time.Duration(us) * time.Microsecond)
		text, err := json.Marshal(m)
		if err != nil || string(text) != want {
			t.Errorf("%d µs is %s (%v), want %s", us, text, err, want)
		}
		var back stats.MS
		if err := json.Unmarshal(text, &back); err != nil || back != m {
			t.Errorf("%s is read as %d (%v), want %d", text, back, err, m)
		}
	}
}
