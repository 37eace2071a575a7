package stats

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxPoints is the maximum length of the series: half an hour of seconds. At the
// maximum, neighbouring points are merged, so that a long run has between half as many
// and as many. That is more than a chart has pixels. With the distributions, the series
// takes 15 MB at 2,500 requests/s of 1 to 4 s each, and 40 MB at 40,000/s.
const maxPoints = 1800

// current is the interval since the last tick.
type current struct {
	since                        time.Time
	requests, failures, business int64
	times                        times
}

// add counts a sample with its response time in µs.
func (c *current) add(s *Sample, response int64) {
	c.requests++
	c.times.add(response)
	switch s.Outcome.Class {
	case OK:
	case Failed:
		c.failures++
	case Business:
		c.business++
	}
}

func (c *current) clear(now time.Time) {
	c.times.clear()
	*c = current{since: now, times: c.times}
}

// point returns the interval as a point.
func (c *current) point(start, now time.Time, g Gauges) Point {
	p := Point{
		At:       now.Sub(start).Seconds(),
		Length:   now.Sub(c.since).Seconds(),
		Requests: c.requests,
		Failures: c.failures,
		Business: c.business,
		Max:      ms(c.times.max),
		Users:    g.Users,
		Wanted:   g.Wanted,
		InFlight: g.InFlight,
		NotSent:  g.NotSent,
		Lag:      MS(g.Lag),
		CPU:      g.CPU,
	}
	found := c.times.at(pointPercentiles()...)
	p.P50, p.P95, p.P99 = found[0], found[1], found[2]
	return p
}

// pointPercentiles returns the percentiles of a point.
func pointPercentiles() []float64 { return []float64{50, 95, 99} }

// series has the points of a run, each with the distribution of its times, because
// percentiles of merged intervals cannot be computed from theirs.
type series struct {
	points []Point
	times  []*hdrhistogram.PackedHistogram
	// interval is the length of a tick, and length the length of a point, in seconds.
	interval, length float64
}

func newSeries(interval time.Duration) series {
	return series{interval: interval.Seconds(), length: interval.Seconds()}
}

// add adds an interval: to the last point, if both together are not longer than a
// point, or as a new point. Half an interval more is allowed, so that the short
// interval at the end of a run, whose rate means little, joins the one before.
func (s *series) add(p Point, t *times) {
	packed := hdrhistogram.NewPacked(shortest, longest, digits)
	if t.histogram != nil {
		packed.MergeFrom(t.histogram)
	}
	packed.Compact()
	if last := len(s.points) - 1; last >= 0 && s.points[last].Length+p.Length <= s.length+s.interval/2 {
		s.points[last] = merge(s.points[last], p, s.times[last], packed)
		return
	}
	if len(s.points) == maxPoints {
		s.halve()
	}
	s.points = append(s.points, p)
	s.times = append(s.times, packed)
}

// halve merges neighbouring points in pairs.
func (s *series) halve() {
	half := len(s.points) / 2
	for i := range half {
		a, b := 2*i, 2*i+1
		s.points[i] = merge(s.points[a], s.points[b], s.times[a], s.times[b])
		s.times[a].Compact()
		s.times[i] = s.times[a]
	}
	clear(s.times[half:])
	s.points, s.times = s.points[:half], s.times[:half]
	s.length *= 2
}

// merge merges two points, and adds the second distribution to the first. It keeps the
// last value of a state, and the worst of a lag.
func merge(a, b Point, times, more *hdrhistogram.PackedHistogram) Point {
	length := a.Length + b.Length
	times.Merge(more)
	p := Point{
		At:       b.At,
		Length:   length,
		Requests: a.Requests + b.Requests,
		Failures: a.Failures + b.Failures,
		Business: a.Business + b.Business,
		Max:      max(a.Max, b.Max),
		Users:    b.Users,
		Wanted:   b.Wanted,
		InFlight: b.InFlight,
		NotSent:  a.NotSent + b.NotSent,
		Lag:      max(a.Lag, b.Lag),
		CPU:      (a.CPU*a.Length + b.CPU*b.Length) / length,
	}
	found := times.ValueAtPercentilesSlice(pointPercentiles())
	p.P50, p.P95, p.P99 = min(ms(found[0]), p.Max), min(ms(found[1]), p.Max), min(ms(found[2]), p.Max)
	return p
}
