package stats_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress/stats"
)

func TestFailuresAreToldApart(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	e := r.Entry("GET", "/")
	for _, at := range []float64{5, 2, 9} {
		e.Record(0, failed(stats.KindStatus, "want 200, got 503", after(at)))
	}
	e.Record(0, failed(stats.KindCheck, "want 200, got 503", after(1)))
	r.Entry("POST", "/").Record(0, failed(stats.KindStatus, "want 200, got 503", after(3)))

	got := r.Snapshot(after(10)).Failures
	if len(got) != 3 {
		t.Fatalf("failures are %+v, want three", got)
	}
	want := stats.Failure{Method: "GET", Name: "/", Kind: stats.KindStatus, Detail: "want 200, got 503", Count: 3, First: after(2), Last: after(9)}
	if got[0] != want {
		t.Errorf("the most frequent is %+v, want %+v", got[0], want)
	}
	if got[1].Method != http.MethodGet || got[1].Kind != stats.KindCheck || got[2].Method != http.MethodPost {
		t.Errorf("the others are %+v", got[1:])
	}
}

// Details that differ with each request, which they should not, do not grow without
// limit.
func TestTooManyFailuresAreCountedAsOther(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	const all = 10 * stats.MaxFailures
	e := r.Entry("GET", "/")
	for i := range all {
		e.Record(0, failed(stats.KindCheck, "id "+strconv.Itoa(i), after(float64(i))))
	}
	e.Record(0, failed(stats.KindStatus, "late", after(all)))
	e.Record(0, failed(stats.KindCheck, "id 3", after(all)))

	got := r.Snapshot(after(all)).Failures
	if len(got) != stats.MaxFailures+2 {
		t.Fatalf("there are %d failures, want %d", len(got), stats.MaxFailures+2)
	}
	var sum int64
	for _, f := range got {
		sum += f.Count
	}
	if first := got[0]; first.Detail != "(other)" || first.Kind != stats.KindCheck || first.Count != all-stats.MaxFailures ||
		!first.First.Equal(after(stats.MaxFailures)) || !first.Last.Equal(after(all-1)) {
		t.Errorf("the rest is %+v", first)
	}
	if second := got[1]; second.Detail != "id 3" || second.Count != 2 {
		t.Errorf("one known before is %+v, want id 3 twice", second)
	}
	if sum != all+2 {
		t.Errorf("%d failures are counted, want %d", sum, all+2)
	}
}

func TestTooManyBusinessOutcomesAreCountedAsOther(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	for i := range 2 * stats.MaxBusiness {
		r.Entry("GET", "/").Record(0, business(strconv.Itoa(i)))
	}
	got := r.Snapshot(after(1)).Total.Business
	if len(got) != stats.MaxBusiness+1 || got["(other)"] != stats.MaxBusiness || got["0"] != 1 {
		t.Errorf("outcomes are %v", got)
	}
}

func TestHistogramAddsUpOverTheRangeThatIsUsed(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for name, next := range map[string]func() time.Duration{
		"wide":   func() time.Duration { return time.Duration(1e5 + 1e7*random.ExpFloat64()) },
		"hour":   func() time.Duration { return time.Duration(random.Int64N(int64(time.Hour))) },
		"narrow": func() time.Duration { return time.Duration(5+random.IntN(9)) * time.Microsecond },
		"one":    func() time.Duration { return 1234 * time.Millisecond },
		"least":  func() time.Duration { return 0 },
	} {
		r := stats.New(stats.Options{Start: start()})
		var all []time.Duration
		for i := range 20_000 {
			d := max(next().Round(time.Microsecond), time.Microsecond)
			all = append(all, d)
			r.Entry("GET", "/").Record(i, sample(d))
		}
		s := r.Snapshot(after(1))
		bars := s.Histogram
		if len(bars) == 0 || len(bars) > 60 {
			t.Fatalf("%s: there are %d bars", name, len(bars))
		}
		if bars[0].From >= s.Total.Response.Min || bars[0].From < s.Total.Response.Min-stats.MS(time.Microsecond) || bars[len(bars)-1].To != s.Total.Response.Max {
			t.Errorf("%s: bars from %v to %v, times from %v to %v", name, bars[0].From, bars[len(bars)-1].To, s.Total.Response.Min, s.Total.Response.Max)
		}
		var sum, off int64
		for i, b := range bars {
			if b.To <= b.From || i > 0 && b.From != bars[i-1].To {
				t.Fatalf("%s: bar %d is %+v", name, i, b)
			}
			sum += b.Count
			var want int64
			for _, d := range all {
				if stats.MS(d) > b.From && stats.MS(d) <= b.To {
					want++
				}
			}
			off += max(b.Count-want, want-b.Count)
		}
		// A time next to an edge, closer than three digits, may be in the neighbouring
		// bar.
		if sum != 20_000 || off > 20_000/20 {
			t.Errorf("%s: bars have %d requests, %d of them in the wrong bar", name, sum, off)
		}
	}
}

func TestASnapshotOfNothingHasNoNulls(t *testing.T) {
	t.Parallel()
	r := stats.New(stats.Options{Start: start()})
	s := r.Snapshot(start())
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "null") || s.Total.Rate != 0 || s.Total.RateNow != 0 {
		t.Errorf("the snapshot is %s", text)
	}
}
