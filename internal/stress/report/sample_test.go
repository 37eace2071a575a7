package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// start is the start of the sample runs.
var start = time.Date(2026, time.March, 3, 9, 3, 8, 0, time.FixedZone("", 3600))

func ms(v float64) stats.MS { return stats.MS(v * float64(time.Millisecond)) }

// latency returns a distribution with a median, and other figures in proportion.
func latency(p50 float64) stats.Latency {
	return stats.Latency{
		Mean: ms(p50 * 1.13), Min: ms(p50 * 0.21), P50: ms(p50), P66: ms(p50 * 1.2), P75: ms(p50 * 1.36), P80: ms(p50 * 1.5),
		P90: ms(p50 * 2), P95: ms(p50 * 2.6), P98: ms(p50 * 3.6), P99: ms(p50 * 4.8), P999: ms(p50 * 11), P9999: ms(p50 * 21), Max: ms(p50 * 25.3),
	}
}

// hostile is text that does harm if it is not treated as text.
const hostile = "</title><script>window.struck=1</script><img src=x onerror=window.struck=1>\x1b[2J\r\n\u202e=1+1"

// sample returns a run of a minute with everything that a run can have, and a number of
// points.
func sample(points int) result.Run {
	r := result.Run{
		Schema: result.Schema, ID: "20260303T080308-1", Program: "v1.2.3", Host: "http://127.0.0.1:8000", Protocol: "HTTP/1.1",
		Settings: result.Settings{
			Scenario: "tickets-random-deny", Host: "http://127.0.0.1:8000", Rate: 500, Open: true, Arrivals: "poisson",
			MaxInFlight: 10_000, RunTime: "1m", StopTimeout: "10s", Timeout: "30s", Seed: 42, FailIf: []string{"p95>500ms", "failures>1%"},
		},
		Started: start, Ended: start.Add(time.Minute), End: "run time over",
		Stats: stats.Snapshot{
			Duration: 60, NotSent: 37, Due: 30_037,
			Total: stats.Summary{
				Requests: 30_000, Failures: 214, Business: map[string]int64{"denied": 1485, "sold_out": 310}, Bytes: 4_567_890,
				Rate: 500, FailureRate: 214. / 60, RateNow: 512, FailureRateNow: 0.4, Response: latency(12.4),
			},
			Entries: []stats.Summary{
				{Method: "GET", Name: "/concerts", Requests: 15_000, Bytes: 4_000_000, Rate: 250, RateNow: 256, Response: latency(0.42)},
				{
					Method: "POST", Name: "/buy_random_deny/[id]", Requests: 15_000, Failures: 214, Business: map[string]int64{"denied": 1485, "sold_out": 310},
					Bytes: 567_890, Rate: 250, FailureRate: 214. / 60, RateNow: 256, FailureRateNow: 0.4, Response: latency(24.9),
				},
			},
			Failures: []stats.Failure{
				{Method: "POST", Name: "/buy_random_deny/[id]", Kind: "status", Detail: "want 200 or 409, got 503", Example: "The order waited too long", Count: 200, First: start.Add(12300 * time.Millisecond), Last: start.Add(41 * time.Second)},
				{Method: "POST", Name: "/buy_random_deny/[id]", Kind: "reset", Detail: "connection reset by peer", Count: 13, First: start.Add(14 * time.Second), Last: start.Add(15 * time.Second)},
				{Method: "", Name: "login", Kind: stats.KindTask, Detail: "capture \"token\": not in the answer", Count: 1, First: start, Last: start},
			},
			Series: series(points, 60), Histogram: histogram(12.4, 30_000),
		},
		Self: stats.Self{LagP50: ms(0.03), LagP99: ms(0.9), LagMax: ms(12.5), CPUMean: 0.34, CPUMax: 0.61, Cores: 2},
		Verdict: result.Verdict{
			Code: result.Failed,
			Checks: []result.Check{
				{Expr: "p95>500ms", Value: "32 ms"},
				{Expr: "failures>0.5%", Value: "0.71 %", Crossed: true},
			},
			Reasons: []string{"0.71 % of the requests failed"},
		},
		Books: &result.Books{Told: 12991, Booked: 12993, Unsure: 13, Extra: 2, Agree: true, Text: "12,991 tickets were reported as sold, and all are in the ledger."},
		Notes: []string{"The tickets ran out after 52 s."},
	}
	for i := range r.Stats.Entries {
		s := &r.Stats.Entries[i]
		service := latency(float64(s.Response.P50) / float64(time.Millisecond) * 0.8)
		s.Service = &service
	}
	service := latency(10)
	r.Stats.Total.Service = &service
	return r
}

// series returns a series with trouble in its second fifth.
func series(points int, seconds float64) []stats.Point {
	random := rand.New(rand.NewPCG(1, 2))
	var all []stats.Point
	for i := range points {
		at := seconds * float64(i+1) / float64(points)
		length := seconds / float64(points)
		trouble := at > seconds/5 && at < 2*seconds/5
		p50 := 12 + 2*random.Float64() + 3*math.Sin(at)
		p := stats.Point{
			At: at, Length: length, Requests: int64((500 + 30*random.NormFloat64()) * length), Users: 100, Wanted: 500, InFlight: 60 + random.IntN(30),
			Lag: ms(0.03 + 0.02*random.Float64()), CPU: 0.3 + 0.1*random.Float64(),
		}
		p.Business = p.Requests / 18
		if trouble {
			p50 *= 9
			p.Failures, p.InFlight, p.NotSent = p.Requests/30, p.InFlight*12, int64(3*length)
		}
		p.P50, p.P95, p.P99, p.Max = ms(p50), ms(p50*2.6), ms(p50*4.8), ms(p50*(9+6*random.Float64()))
		all = append(all, p)
	}
	return all
}

// histogram returns bars with two peaks.
func histogram(middle float64, total int64) []stats.Bar {
	var bars []stats.Bar
	from := middle / 5
	for i := range 56 {
		to := from * 1.1
		x := math.Log(from / middle)
		n := int64(float64(total) * (0.11*math.Exp(-x*x*3) + 0.006*math.Exp(-(x-2.6)*(x-2.6)*9)))
		if i > 2 || n > 0 {
			bars = append(bars, stats.Bar{From: ms(from), To: ms(to), Count: n})
		}
		from = to
	}
	return bars
}

// capacity returns the result of a search for a server's capacity.
func capacity() *result.Capacity {
	c := &result.Capacity{Unit: "/s", Highest: 1800, Broken: 1950, Knee: 1500}
	for _, load := range []float64{250, 500, 1000, 2000, 1500, 1750, 1875, 1800, 1950} {
		p50 := 4 / (1 - math.Min(load/2050, 0.99))
		s := result.Step{Load: load, Rate: math.Min(load, 1890), P50: ms(p50), P95: ms(p50 * 2.2), P99: ms(p50 * 4), Held: load <= 1800}
		if !s.Held {
			s.Broke, s.FailureShare = "p95>60ms", 0.004
		}
		c.Points = append(c.Points, s)
	}
	c.Points = append(c.Points, result.Step{Load: 4000, Rate: 2900, P50: ms(90), P95: ms(300), P99: ms(900), Tester: true})
	return c
}

// many gives a report a number of names.
func many(r result.Run, names int) result.Run {
	r.Stats.Entries = nil
	for i := range names {
		r.Stats.Entries = append(r.Stats.Entries, stats.Summary{Method: "GET", Name: fmt.Sprintf("/page/%d", i), Requests: 10, Rate: 1, RateNow: 1, Response: latency(3)})
	}
	return r
}
