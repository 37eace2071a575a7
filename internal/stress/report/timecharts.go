package report

import (
	"strings"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// timeCharts returns the charts over the time of a run.
func timeCharts(r result.Run) []chart {
	t := newTimeline(r)
	if len(t.intervals) == 0 {
		return nil
	}
	charts := []chart{throughput(r, t), percentileChart(t), loadChart(r, t)}
	if hasInFlight(r) {
		charts = append(charts, inFlight(t))
	}
	charts = append(charts, failureChart(r, t))
	charts[len(charts)-1].Wide = len(charts)%2 == 1
	return charts
}

// selfCharts returns the charts of the load tester itself.
func selfCharts(r result.Run) []chart {
	t := newTimeline(r)
	if len(t.intervals) == 0 {
		return nil
	}
	return []chart{lagChart(r, t), cpuChart(r, t)}
}

func requests(p stats.Point) int64 { return p.Requests }
func failures(p stats.Point) int64 { return p.Failures }
func business(p stats.Point) int64 { return p.Business }
func notSent(p stats.Point) int64  { return p.NotSent }

// throughput stacks the requests of each second by outcome.
func throughput(r result.Run, t timeline) chart {
	c := chart{
		ID: "throughput", Title: "Throughput", About: "requests a second, by outcome",
		Desc: "Requests a second over time: " + format.Rate(r.Stats.Total.Rate) + " on average, " + format.Rate(r.Stats.Total.FailureRate) + " of them failed.",
	}
	_, highest := t.span([]trace{{of: func(i interval) extent { return i.perSecond(requests) }}})
	s := scaleOf(0, highest)
	c.upright(&s, axisNumber)
	c.lying(t.scale, t.ticks(), axisTime)
	var lower []value
	for _, layer := range []struct {
		class, label string
		upTo         func(stats.Point) int64
		total        int64
	}{
		{"ok", "successful", func(p stats.Point) int64 { return p.Requests - p.Failures - p.Business }, 1},
		{"business", "denied, sold out", func(p stats.Point) int64 { return p.Requests - p.Failures }, businessTotal(r)},
		{"failed", "failed", requests, r.Stats.Total.Failures},
	} {
		if layer.total == 0 {
			continue
		}
		upper := make([]value, 0, len(t.intervals))
		for _, i := range t.intervals {
			e := i.perSecond(layer.upTo)
			y := s.y(e.mean)
			upper = append(upper, value{x: t.middle(i), y: y, low: y, high: y, there: e.there})
		}
		if lower == nil {
			lower = ground(upper)
		}
		c.between(layer.class, upper, lower)
		if len(c.Legend) == 0 {
			// The upper layers have no line, because it would be visible even where
			// they are empty.
			c.line(layer.class, upper)
		}
		lower = upper
		c.Legend = append(c.Legend, legend{Class: layer.class, Label: layer.label})
	}
	t.tell(&c, func(i interval) string {
		said := format.Rate(i.perSecond(requests).mean) + " req/s"
		if n := i.perSecond(failures).mean; n > 0 {
			said += "\n" + format.Rate(n) + " failed/s"
		}
		if n := i.perSecond(business).mean; n > 0 {
			said += "\n" + format.Rate(n) + " denied or sold out/s"
		}
		return said
	})
	return c
}

func businessTotal(r result.Run) int64 {
	var sum int64
	for _, n := range r.Stats.Total.Business {
		sum += n
	}
	return sum
}

// percentileChart draws the percentiles of each interval.
func percentileChart(t timeline) chart {
	of := func(pick func(stats.Point) stats.MS) func(interval) extent {
		return func(i interval) extent {
			e := i.latency(pick)
			return extent{mean: e.mean / 1e6, low: e.low / 1e6, high: e.high / 1e6, there: e.there}
		}
	}
	traces := []trace{
		{class: "p99", label: "p99", of: of(func(p stats.Point) stats.MS { return p.P99 })},
		{class: "p95", label: "p95", of: of(func(p stats.Point) stats.MS { return p.P95 })},
		{class: "p50", label: "p50", of: of(func(p stats.Point) stats.MS { return p.P50 })},
	}
	c := chart{ID: "latency", Title: "Response time", About: "percentiles of each interval"}
	lowest, highest := t.span(traces)
	if highest == 0 {
		c.Empty = "There were no answers."
		return c
	}
	s := scaleOf(lowest, highest)
	if s.log {
		c.About += ", logarithmic"
	}
	c.Desc = "Percentiles of the response time over time, between " + latencyLabel(lowest) + " and " + latencyLabel(highest) + "."
	t.draw(&c, s, traces, latencyLabel)
	t.tell(&c, func(i interval) string {
		var said []string
		for _, tr := range traces {
			if e := tr.of(i); e.there {
				said = append(said, tr.label+" "+between(e))
			}
		}
		return strings.Join(said, "\n")
	})
	return c
}

// between returns the range of values. Merged percentiles have a range, but no mean.
func between(e extent) string {
	low, high := format.Duration(ms(e.low)), format.Duration(ms(e.high))
	if low == high {
		return low
	}
	return low + " – " + high
}

func ms(v float64) stats.MS { return stats.MS(v * 1e6) }

// loadChart draws the wanted load.
func loadChart(r result.Run, t timeline) chart {
	wanted := trace{class: "wanted", label: "wanted", of: func(i interval) extent {
		return i.gauge(func(p stats.Point) float64 { return p.Wanted })
	}}
	c := chart{ID: "load", Title: "Users", About: "running and wanted users", Desc: "Running and wanted users over time."}
	traces := []trace{{class: "users", label: "users", area: true, of: func(i interval) extent {
		return i.gauge(func(p stats.Point) float64 { return float64(p.Users) })
	}}, wanted}
	if isOpen(r.Settings) {
		c.Title, c.About = "Load", "wanted tasks a second, and tasks not begun"
		c.Desc = "Wanted tasks a second over time, and tasks that were not begun because too many were in flight: " + format.Count(r.Stats.NotSent) + " in all."
		wanted.area = true
		traces = []trace{wanted}
	}
	_, highest := t.span(traces)
	s := t.draw(&c, scaleOf(0, highest), traces, axisNumber)
	if isOpen(r.Settings) && r.Stats.NotSent > 0 {
		t.bars(&c, s, "failed", notSent)
		c.Legend = append(c.Legend, legend{Class: "failed", Label: "not begun"})
	}
	t.tell(&c, func(i interval) string {
		var said []string
		for _, tr := range traces {
			said = append(said, format.Rate(tr.of(i).mean)+" "+tr.label)
		}
		if n := i.perSecond(notSent).mean; n > 0 {
			said = append(said, format.Rate(n)+" not begun/s")
		}
		return strings.Join(said, "\n")
	})
	return c
}

func hasInFlight(r result.Run) bool {
	for _, p := range r.Stats.Series {
		if p.InFlight > 0 {
			return true
		}
	}
	return false
}

func inFlight(t timeline) chart {
	c := chart{ID: "inflight", Title: "In flight", About: "tasks under way", Desc: "Tasks under way over time."}
	t.single(&c, trace{class: "users", label: "in flight", area: true, of: func(i interval) extent {
		return i.gauge(func(p stats.Point) float64 { return float64(p.InFlight) })
	}}, axisNumber, func(e extent) string { return format.Rate(e.mean) + " in flight" })
	return c
}

// single draws one trace from 0 on.
func (t timeline) single(c *chart, tr trace, label func(float64) string, say func(extent) string) {
	_, highest := t.span([]trace{tr})
	t.draw(c, scaleOf(0, highest), []trace{tr}, label)
	c.Legend = nil // the title names it
	t.tell(c, func(i interval) string { return say(tr.of(i)) })
}

// failureChart draws failures as bars, so that a single one is visible.
func failureChart(r result.Run, t timeline) chart {
	c := chart{ID: "failures", Title: "Failures", About: "failed requests a second"}
	if r.Stats.Total.Failures == 0 {
		c.Empty = "No request failed."
		return c
	}
	c.Desc = "Failed requests a second over time: " + format.Count(r.Stats.Total.Failures) + " in all, " + format.Share(r.Stats.Total.Failures, r.Stats.Total.Requests) + " of the requests."
	_, highest := t.span([]trace{{of: func(i interval) extent { return i.perSecond(failures) }}})
	s := scaleOf(0, highest)
	c.upright(&s, axisNumber)
	c.lying(t.scale, t.ticks(), axisTime)
	t.bars(&c, s, "failed", failures)
	t.tell(&c, func(i interval) string { return format.Rate(i.perSecond(failures).mean) + " failed/s" })
	return c
}

func lagChart(r result.Run, t timeline) chart {
	c := chart{
		ID: "lag", Title: "Load tester lag", About: "median delay of its own tasks or timer",
		Desc: "Lag of the load tester over time: " + selfSentence(r.Self) + ".",
	}
	t.single(&c, trace{class: "self", of: func(i interval) extent {
		e := i.gauge(func(p stats.Point) float64 { return float64(p.Lag) })
		return extent{mean: e.mean / 1e6, low: e.low / 1e6, high: e.high / 1e6, there: e.there}
	}, area: true}, latencyLabel, func(e extent) string { return format.Duration(ms(e.mean)) })
	return c
}

func cpuChart(r result.Run, t timeline) chart {
	c := chart{
		ID: "cpu", Title: "Load tester CPU", About: "share of " + plural(int64(r.Self.Cores), "core") + " in use",
		Desc: "Share of its processors that the load tester used over time: " + wholePercent(r.Self.CPUMean) + " on average, " + wholePercent(r.Self.CPUMax) + " at most.",
	}
	tr := trace{class: "self", area: true, of: func(i interval) extent {
		return i.gauge(func(p stats.Point) float64 { return 100 * p.CPU })
	}}
	t.draw(&c, scaleOf(0, 100), []trace{tr}, func(v float64) string { return axisNumber(v) + "%" })
	c.Legend = nil
	t.tell(&c, func(i interval) string { return format.Digits(tr.of(i).mean) + "%" })
	return c
}
