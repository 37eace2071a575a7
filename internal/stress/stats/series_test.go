package stats_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"onsale/internal/stress/stats"
)

func TestTickReturnsTheIntervalAlone(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	e := r.Entry("GET", "/")
	e.Record(0, sample(9*time.Second))
	r.Tick(after(1), stats.Gauges{})

	for i := range 100 {
		e.Record(i, sample(time.Duration(i+1)*time.Millisecond))
	}
	e.Record(0, business("denied"))
	e.Record(0, failed(stats.KindStatus, "want 200, got 500", after(1)))
	p := r.Tick(after(2.5), stats.Gauges{Users: 10, Wanted: 12, InFlight: 3, NotSent: 4, Lag: time.Millisecond, CPU: 0.5})
	if p.At != 2.5 || p.Length != 1.5 || p.Requests != 102 || p.Failures != 1 || p.Business != 1 {
		t.Errorf("the point is %+v, want 102 requests, 1 failed, 1 business outcome in 1.5 s", p)
	}
	if p.Max != stats.MS(100*time.Millisecond) || !near(p.P50, 49*time.Millisecond) || !near(p.P99, 99*time.Millisecond) {
		t.Errorf("p50 %v, p99 %v, max %v, want 49 ms, 99 ms, 100 ms", time.Duration(p.P50), time.Duration(p.P99), time.Duration(p.Max))
	}
	if p.Users != 10 || p.Wanted != 12 || p.InFlight != 3 || p.NotSent != 4 || p.Lag != stats.MS(time.Millisecond) || p.CPU != 0.5 {
		t.Errorf("the gauges are %+v", p)
	}

	// There was no request and no time passed, so there is no interval. The request is
	// in the next one.
	e.Record(0, sample(time.Millisecond))
	if again := r.Tick(after(2.5), stats.Gauges{}); again != (stats.Point{}) {
		t.Errorf("a second tick at one moment gives %+v", again)
	}
	if next := r.Tick(after(3.5), stats.Gauges{}); next.Requests != 1 || next.P50 != stats.MS(time.Millisecond) {
		t.Errorf("the next point is %+v, want the one request of 1 ms", next)
	}
	if s := r.Snapshot(after(4)).Series; len(s) != 3 || s[1] != p {
		t.Errorf("the series is %+v", s)
	}
}

// A few milliseconds at the end of a run have no meaningful rate.
func TestAShortIntervalJoinsTheOneBefore(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	e := r.Entry("GET", "/")
	for i := range 3 {
		e.Record(0, sample(time.Duration(i+1)*time.Millisecond))
		r.Tick(after(float64(i+1)), stats.Gauges{Users: 5, Lag: 2, CPU: 0.5})
	}
	e.Record(0, sample(time.Second))
	if p := r.Tick(after(3.25), stats.Gauges{Users: 0, NotSent: 1, Lag: 1, CPU: 1}); p.Requests != 1 || p.Length != 0.25 {
		t.Errorf("the tick returns %+v, want its own interval", p)
	}
	s := r.Snapshot(after(3.25)).Series
	if len(s) != 3 {
		t.Fatalf("there are %d points, want 3", len(s))
	}
	got := s[2]
	got.P50, got.P95, got.P99 = 0, 0, 0
	want := stats.Point{At: 3.25, Length: 1.25, Requests: 2, Max: stats.MS(time.Second), NotSent: 1, Lag: 2, CPU: 0.6}
	if got != want {
		t.Errorf("the last point is %+v, want %+v", got, want)
	}
}

// A run that is longer than the maximum series: each point's percentiles are those of
// all requests in its time, as computed by sorting.
func TestALongSeriesIsMergedExactly(t *testing.T) {
	t.Parallel()
	const ticks = 2*stats.MaxPoints + 7
	random := rand.New(rand.NewPCG(3, 4))
	r := stats.New(stats.Options{Start: start()})
	e := r.Entry("GET", "/")
	times := make([][]time.Duration, ticks)
	p99s := make([]stats.MS, ticks)
	for i := range times {
		// Some intervals have a stall, and some no requests.
		n, scale := random.IntN(60), 5e6
		if random.IntN(10) == 0 {
			scale = 5e8
		}
		for range n {
			d := time.Duration(scale * random.ExpFloat64()).Round(time.Microsecond)
			times[i] = append(times[i], max(d, time.Microsecond))
			e.Record(i, sample(d))
		}
		p99s[i] = r.Tick(after(float64(i+1)), stats.Gauges{Users: i, Lag: time.Duration(i%5) * time.Millisecond, NotSent: 1, CPU: float64(i % 2)}).P99
	}

	s := r.Snapshot(after(ticks)).Series
	if len(s) > stats.MaxPoints || len(s) < stats.MaxPoints/2 {
		t.Fatalf("there are %d points, want %d to %d", len(s), stats.MaxPoints/2, stats.MaxPoints)
	}
	from, averageWrong := 0, 0
	for _, p := range s {
		to := int(p.At)
		if p.Length != float64(to-from) || (p.Length != 4 && to != ticks) {
			t.Fatalf("the point until %v is %v s long, want 4", p.At, p.Length)
		}
		all := slices.Sorted(slices.Values(slices.Concat(times[from:to]...)))
		if p.Requests != int64(len(all)) || p.NotSent != int64(to-from) || p.Users != to-1 {
			t.Fatalf("the point until %v is %+v, want %d requests", p.At, p, len(all))
		}
		if len(all) > 0 {
			want := truth(all, 99)
			if !near(p.P99, want) || !near(p.P95, truth(all, 95)) || !near(p.P50, truth(all, 50)) || p.Max != stats.MS(all[len(all)-1]) {
				t.Fatalf("the point until %v is %+v, want p50 %v, p95 %v, p99 %v", p.At, p, truth(all, 50), truth(all, 95), want)
			}
			// Negative control: the mean of the percentiles is not the percentile.
			var sum stats.MS
			for _, v := range p99s[from:to] {
				sum += v
			}
			if mean := sum / stats.MS(to-from); !near(mean, want) {
				averageWrong++
			}
		}
		from = to
	}
	if from != ticks {
		t.Errorf("the series ends at %d s, want %d", from, ticks)
	}
	if averageWrong < len(s)/2 {
		t.Errorf("averaged percentiles are wrong in only %d of %d points: the test proves nothing", averageWrong, len(s))
	}
}

func TestRatesOfNowAreThoseOfTheLastTenSeconds(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	e := r.Entry("GET", "/")
	second := func(i, ok, bad int) {
		for range ok {
			e.Record(0, sample(time.Millisecond))
		}
		for range bad {
			e.Record(0, failed(stats.KindCheck, "no", start()))
		}
		// Ticks come slightly early or late.
		r.Tick(after(float64(i+1)+0.03*float64(i%3-1)), stats.Gauges{})
	}
	for i := range 3 {
		second(i, 30, 10)
	}
	now := r.Snapshot(after(3)).Total
	if now.RateNow != 40 || now.FailureRateNow != 10 {
		t.Errorf("after 3 s the rates of now are %v and %v, want 40 and 10", now.RateNow, now.FailureRateNow)
	}
	for i := 3; i < 20; i++ {
		second(i, 100, 0)
	}
	// A new name has no past.
	for range 50 {
		r.Entry("GET", "/new").Record(0, sample(time.Millisecond))
	}
	entries := r.Snapshot(after(20)).Entries
	if len(entries) != 2 {
		t.Fatalf("entries are %+v, want two", entries)
	}
	old, recent := entries[0], entries[1]
	if old.RateNow < 95 || old.RateNow > 105 || old.FailureRateNow != 0 {
		t.Errorf("after 20 s the rates of now are %v and %v, want 100 and 0", old.RateNow, old.FailureRateNow)
	}
	if old.Rate != (3*40+17*100)/20.0 {
		t.Errorf("the rate is %v, want %v", old.Rate, (3*40+17*100)/20.0)
	}
	if recent.RateNow < 4.7 || recent.RateNow > 5.3 {
		t.Errorf("the new name's rate of now is %v, want 5", recent.RateNow)
	}
}
