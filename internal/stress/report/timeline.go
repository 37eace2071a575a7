package report

import (
	"math"
	"strconv"
	"time"

	"onsale/internal/stress/format"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// timeline is the time axis that all charts of a run share.
type timeline struct {
	scale     scale
	intervals []interval
}

func newTimeline(r result.Run) timeline {
	t := timeline{intervals: intervals(r.Stats.Series, maxDrawn)}
	t.scale.high = r.Stats.Duration
	for _, i := range t.intervals {
		t.scale.high = max(t.scale.high, i.to)
	}
	return t
}

// ticks returns about five round times.
func (t timeline) ticks() []float64 {
	step := t.scale.high / 5
	for _, round := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400} {
		if round >= step {
			step = round
			break
		}
	}
	if step <= 0 {
		return nil
	}
	var all []float64
	for n := range maxTicks {
		if at := float64(n) * step; at <= t.scale.high*1.0001 {
			all = append(all, at)
		}
	}
	return all
}

// axisTime formats seconds since the start as an axis does: 0.5s, 30s, 1:30, 1:00:00.
func axisTime(seconds float64) string {
	if seconds < 60 {
		return format.TrimZero(seconds, 1) + "s"
	}
	whole := int(math.Round(seconds))
	if whole < 3600 {
		return strconv.Itoa(whole/60) + ":" + format.Pad2(whole%60)
	}
	return strconv.Itoa(whole/3600) + ":" + format.Pad2(whole/60%60) + ":" + format.Pad2(whole%60)
}

// trace is one line of a chart over time.
type trace struct {
	class, label string
	of           func(interval) extent
	area         bool
}

// span returns the smallest value above 0 and the largest value of traces.
func (t timeline) span(traces []trace) (lowest, highest float64) {
	lowest = math.Inf(1)
	for _, i := range t.intervals {
		for _, tr := range traces {
			e := tr.of(i)
			if !e.there {
				continue
			}
			highest = max(highest, e.high)
			if e.low > 0 {
				lowest = min(lowest, e.low)
			}
		}
	}
	return lowest, highest
}

// draw draws traces on a scale, and returns that scale, extended to round values.
func (t timeline) draw(c *chart, s scale, traces []trace, label func(float64) string) scale {
	c.upright(&s, label)
	c.lying(t.scale, t.ticks(), axisTime)
	for _, tr := range traces {
		values := make([]value, 0, len(t.intervals))
		for _, i := range t.intervals {
			e := tr.of(i)
			values = append(values, value{x: t.middle(i), y: s.y(e.mean), low: s.y(e.low), high: s.y(e.high), there: e.there})
		}
		if tr.area {
			c.between(tr.class, values, ground(values))
		}
		c.line(tr.class, values)
		c.Legend = append(c.Legend, legend{Class: tr.class, Label: tr.label})
	}
	return s
}

func (t timeline) middle(i interval) float64 { return t.scale.at((i.from + i.to) / 2) }

// bars draws counts per second as bars.
func (t timeline) bars(c *chart, s scale, class string, of func(stats.Point) int64) {
	for _, i := range t.intervals {
		e := i.perSecond(of)
		if e.mean <= 0 {
			continue
		}
		y := min(s.y(e.mean), plotTop+plotHeight-1.5) // keep small bars visible
		from, to := t.scale.at(i.from), t.scale.at(i.to)
		c.Bars = append(c.Bars, rect{Class: class, X: percentOf(from), W: percentOf(max(to-from, 0.001)), Y: px(y), H: px(plotTop + plotHeight - y)})
	}
}

// tell adds tooltips with the figures of each interval, without a script.
func (t timeline) tell(c *chart, say func(interval) string) {
	for _, i := range t.intervals {
		from, to := t.scale.at(i.from), t.scale.at(i.to)
		c.Hits = append(c.Hits, rect{
			X: percentOf(from), W: percentOf(to - from), Y: px(plotTop), H: px(plotHeight), Title: i.when() + "\n" + say(i),
		})
	}
}

// latencyLabel labels an axis of milliseconds.
func latencyLabel(milliseconds float64) string {
	if milliseconds >= 1000 {
		return format.TrimZero(milliseconds/1000, 2) + " s"
	}
	return format.TrimZero(milliseconds, 3) + " ms"
}

// axisNumber labels an axis of numbers.
func axisNumber(v float64) string {
	if v >= 1000 {
		return format.Amount(v)
	}
	return format.TrimZero(v, 3)
}

func milliseconds(m stats.MS) float64 { return float64(m) / float64(time.Millisecond) }
