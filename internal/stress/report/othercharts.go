package report

import (
	"cmp"
	"slices"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// histogramChart draws the distribution of response times on a logarithmic axis, and
// marks the percentiles.
func histogramChart(r result.Run) chart {
	c := chart{ID: "histogram", Title: "Distribution of response times", About: "requests by response time, logarithmic", Wide: true}
	bars := slices.Clone(r.Stats.Histogram)
	bars = slices.DeleteFunc(bars, func(b stats.Bar) bool { return b.To <= 0 || b.To <= b.From })
	if len(bars) == 0 {
		c.Empty = "There were no answers."
		return c
	}
	l := r.Stats.Total.Response
	c.Desc = "Histogram of all response times: half took at most " + format.Duration(l.P50) + ", 95% at most " + format.Duration(l.P95) +
		", 99% at most " + format.Duration(l.P99) + ", the longest " + format.Duration(l.Max) + "."
	if bars[0].From <= 0 { // the logarithm of 0 does not exist
		bars[0].From = min(bars[0].To/2, bars[0].To-1)
	}
	across := scale{low: milliseconds(bars[0].From), high: milliseconds(bars[len(bars)-1].To), log: true}
	var highest int64
	for _, b := range bars {
		highest = max(highest, b.Count)
	}
	up := scaleOf(0, float64(highest))
	c.upright(&up, axisNumber)
	c.lying(across, across.logTicks(), latencyLabel)
	for _, b := range bars {
		if b.Count > 0 {
			c.Bars = append(c.Bars, histogramBar(across, up, b, r.Stats.Total.Requests))
		}
	}
	for _, m := range []struct {
		class string
		at    stats.MS
	}{{"p50", l.P50}, {"p95", l.P95}, {"p99", l.P99}, {"max", l.Max}} {
		c.mark(m.class, across.at(milliseconds(m.at)), m.class+" "+format.Duration(m.at))
	}
	c.settle()
	return c
}

// histogramBar returns one bar of the histogram.
func histogramBar(across, up scale, b stats.Bar, all int64) rect {
	from, to := across.at(milliseconds(b.From)), across.at(milliseconds(b.To))
	y := min(up.y(float64(b.Count)), plotTop+plotHeight-1.5) // keep small bars visible
	return rect{
		Class: "ok", X: percentOf(from), W: percentOf((to - from) * 0.94), Y: px(y), H: px(plotTop + plotHeight - y),
		Title: format.Duration(b.From) + " – " + format.Duration(b.To) + "\n" + plural(b.Count, "request") + " (" + format.Share(b.Count, all) + ")",
	}
}

// capacityChart draws latency against load: the steps that held, those that did not,
// and the load from which latency grows.
func capacityChart(found *result.Capacity) chart {
	c := chart{ID: "capacity", Title: "Latency against load", About: "each step of the search", Desc: capacitySentence(*found), Wide: true}
	points := slices.DeleteFunc(slices.Clone(found.Points), func(p result.Step) bool { return p.Load <= 0 || p.P99 <= 0 })
	if len(points) == 0 {
		c.Empty = "No step was measured."
		return c
	}
	slices.SortStableFunc(points, func(a, b result.Step) int { return cmp.Compare(a.Load, b.Load) })
	lowest, highest := points[0].P50, points[0].P99
	for _, p := range points {
		lowest, highest = min(lowest, p.P50), max(highest, p.P99)
	}
	up := scaleOf(milliseconds(lowest), milliseconds(highest))
	if up.log {
		c.About += ", logarithmic"
	}
	c.upright(&up, latencyLabel)
	across := scale{high: points[len(points)-1].Load}
	loads := across.ticks()
	c.lying(across, loads, func(v float64) string { return loadOf(*found, v) })
	for _, line := range []struct {
		class string
		of    func(result.Step) stats.MS
	}{
		{"p99", func(s result.Step) stats.MS { return s.P99 }},
		{"p95", func(s result.Step) stats.MS { return s.P95 }},
		{"p50", func(s result.Step) stats.MS { return s.P50 }},
	} {
		c.steps(line.class, points, across, up, line.of)
		c.Legend = append(c.Legend, legend{Class: line.class, Label: line.class})
	}
	c.landmarks(found, across)
	c.Legend = append(c.Legend, legend{"dot held", "held"}, legend{"dot broke", "did not hold"}, legend{"dot tester", "load tester too slow"})
	return c
}

// steps draws one percentile of all steps. Steps in which the load tester was too slow
// are dots off the line, because they do not describe the target.
func (c *chart) steps(class string, points []result.Step, across, up scale, of func(result.Step) stats.MS) {
	var values []value
	for _, p := range points {
		x, y := across.at(p.Load), up.y(milliseconds(of(p)))
		state := "broke"
		switch {
		case p.Tester:
			state = "tester"
		case p.Held:
			state = "held"
		}
		if !p.Tester {
			values = append(values, value{x: x, y: y, low: y, high: y, there: true})
		}
		c.Dots = append(c.Dots, dot{Class: state, X: percentOf(x), Y: px(y), Title: class + " " + format.Duration(of(p)) + ", " + heldBy(p)})
	}
	if len(values) > 1 {
		c.line(class, values)
	}
}

// landmarks marks the results of the search.
func (c *chart) landmarks(found *result.Capacity, across scale) {
	for _, m := range []struct {
		class, label string
		at           float64
	}{{"knee", "knee", found.Knee}, {"held", "highest that held", found.Highest}, {"broke", "did not hold", found.Broken}} {
		if m.at > 0 {
			c.mark(m.class, across.at(m.at), m.label+" "+loadOf(*found, m.at))
		}
	}
	c.settle()
}
