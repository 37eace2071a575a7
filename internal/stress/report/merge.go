package report

import (
	"math"

	"onsale/internal/stress/stats"
)

// maxDrawn is the maximum number of intervals in a chart. More would be finer than a
// screen shows, and make the page large.
const maxDrawn = 240

// interval is one or more points of the series, drawn as one.
type interval struct {
	from, to float64 // seconds since the start
	points   []stats.Point
}

// intervals merges neighbouring points until their number is at most most.
func intervals(series []stats.Point, most int) []interval {
	each := (len(series) + most - 1) / most
	var all []interval
	for start := 0; start < len(series); start += each {
		points := series[start:min(start+each, len(series))]
		first, last := points[0], points[len(points)-1]
		all = append(all, interval{from: max(first.At-first.Length, 0), to: last.At, points: points})
	}
	return all
}

// extent is the range of the values in an interval.
type extent struct {
	mean, low, high float64
	there           bool
}

// perSecond returns the range of a count, per second.
func (i interval) perSecond(of func(stats.Point) int64) extent {
	s := extent{low: math.Inf(1)}
	var sum, seconds float64
	for _, p := range i.points {
		if p.Length <= 0 {
			continue
		}
		sum += float64(of(p))
		seconds += p.Length
		s.low, s.high = min(s.low, float64(of(p))/p.Length), max(s.high, float64(of(p))/p.Length)
		s.there = true
	}
	if !s.there {
		return extent{}
	}
	s.mean = sum / seconds
	return s
}

// gauge returns the range of a value that applies to a whole interval.
func (i interval) gauge(of func(stats.Point) float64) extent {
	return i.weighted(of, func(p stats.Point) float64 { return p.Length })
}

// latency returns the range of a percentile; none without requests. The mean of
// percentiles is not a percentile: charts draw it with its range, and no text shows it.
func (i interval) latency(of func(stats.Point) stats.MS) extent {
	return i.weighted(func(p stats.Point) float64 { return float64(of(p)) }, func(p stats.Point) float64 { return float64(p.Requests) })
}

func (i interval) weighted(of, weight func(stats.Point) float64) extent {
	s := extent{low: math.Inf(1), high: math.Inf(-1)}
	var sum, weights float64
	for _, p := range i.points {
		w := weight(p)
		if w <= 0 {
			continue
		}
		sum += w * of(p)
		weights += w
		s.low, s.high = min(s.low, of(p)), max(s.high, of(p))
	}
	if weights == 0 {
		return extent{}
	}
	s.mean, s.there = sum/weights, true
	return s
}

// when returns the time of an interval as text.
func (i interval) when() string { return axisTime(i.from) + "–" + axisTime(i.to) }
