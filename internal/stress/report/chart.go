package report

import (
	"math"
	"slices"
	"strings"

	"onsale/internal/stress/format"
)

// Charts are SVG without a viewBox: horizontal positions are in percent of the width
// that the page gives, vertical ones in pixels. So text has the same size on a
// telephone and on a wide screen. Paths cannot be in percent, so they have a box of
// their own that is stretched.
const (
	plotTop    = 8   // so that the topmost label and line are not cut off
	plotHeight = 176 // of the drawing, in pixels
	pathWidth  = 1000
)

// chart has everything that the template needs to draw a chart.
type chart struct {
	ID, Title, About string
	// Desc describes the chart to screen readers.
	Desc   string
	Height int
	Wide   bool
	// Empty is the text to show if there is nothing to draw.
	Empty string
	Y, X  []tick
	Paths []path
	Bars  []rect
	Dots  []dot
	Marks []mark
	// MarkRows is the number of rows of labels above the chart.
	MarkRows int
	Hits     []rect
	Legend   []legend
}

// tick is a mark of an axis: in pixels on the vertical axis, in percent on the
// horizontal one.
type tick struct{ At, Label, Anchor string }

type path struct{ Class, D string }

// rect is a rectangle: X and W in percent, Y and H in pixels.
type rect struct{ Class, X, Y, W, H, Title string }

type dot struct{ Class, X, Y, Title string }

type legend struct{ Class, Label string }

// scale maps values to 0…1.
type scale struct {
	low, high float64
	log       bool
}

// maxTicks limits the ticks of an axis, because a report that is read from a file can
// have any values.
const maxTicks = 12

// logFrom is the ratio of values from which on a logarithmic scale is easier to
// compare.
const logFrom = 30

// scaleOf returns a scale for values between low and high. If it is logarithmic, both
// are above 0. A linear scale begins at 0.
func scaleOf(low, high float64) scale {
	if low > 0 && high/low >= logFrom {
		return scale{low: low, high: high, log: true}
	}
	if high <= 0 {
		high = 1
	}
	return scale{high: high}
}

func (s scale) at(v float64) float64 {
	var share float64
	switch {
	case s.high <= s.low:
		return 0.5
	case !s.log:
		share = (v - s.low) / (s.high - s.low)
	case v > 0:
		share = math.Log(v/s.low) / math.Log(s.high/s.low)
	}
	return min(max(share, 0), 1)
}

// y returns the position of a value, in pixels from the top.
func (s scale) y(v float64) float64 { return plotTop + plotHeight*(1-s.at(v)) }

func percentOf(share float64) string { return format.TrimZero(100*share, 3) + "%" }

func px(v float64) string { return format.TrimZero(v, 1) }

// ticks returns about five round values, and extends a linear scale to the last one.
func (s *scale) ticks() []float64 {
	if s.log {
		return s.logTicks()
	}
	step := niceStep((s.high - s.low) / 4)
	s.high = math.Ceil(s.high/step-1e-9) * step
	var all []float64
	for i := range maxTicks {
		if v := s.low + float64(i)*step; v <= s.high+step/2 {
			all = append(all, v)
		}
	}
	return all
}

// niceStep returns the first of 1, 2, 5, 10, 20… that is at least v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= v*(1-1e-9) {
			return factor * power
		}
	}
	return 10 * power
}

// logTicks returns powers of ten, and multiples of them if those are few.
func (s scale) logTicks() []float64 {
	var all []float64
	for power := math.Floor(math.Log10(s.low)); power <= math.Ceil(math.Log10(s.high)); power++ {
		for _, factor := range s.factors() {
			if v := factor * math.Pow(10, power); v >= s.low*0.999 && v <= s.high*1.001 {
				all = append(all, v)
			}
		}
	}
	return all
}

// factors returns the multiples of powers of ten that are ticks.
func (s scale) factors() []float64 {
	switch span := s.high / s.low; {
	case span < 60:
		return []float64{1, 2, 5}
	case span < 2000:
		return []float64{1, 3}
	default:
		return []float64{1}
	}
}

// round extends a logarithmic scale to ticks.
func (s *scale) round() {
	if !s.log {
		return
	}
	wide := scale{low: s.low / 10, high: s.high * 10, log: true}
	low, high := s.low, s.high
	for power := math.Floor(math.Log10(wide.low)); power <= math.Ceil(math.Log10(wide.high)); power++ {
		for _, factor := range s.factors() {
			v := factor * math.Pow(10, power)
			if v <= s.low {
				low = v
			}
			if v >= s.high && high == s.high {
				high = v
			}
		}
	}
	s.low, s.high = low, high
}

// upright sets the ticks of the vertical axis.
func (c *chart) upright(s *scale, label func(float64) string) {
	s.round()
	for _, v := range s.ticks() {
		c.Y = append(c.Y, tick{At: px(s.y(v)), Label: label(v)})
	}
	c.Height = plotTop + plotHeight + 24
}

// lying sets the ticks of the horizontal axis.
func (c *chart) lying(s scale, values []float64, label func(float64) string) {
	for _, v := range values {
		at := s.at(v)
		c.X = append(c.X, tick{At: percentOf(at), Label: label(v), Anchor: anchor(at)})
	}
}

// anchor keeps labels at the edges within the chart.
func anchor(at float64) string {
	switch {
	case at < 0.06:
		return "start"
	case at > 0.94:
		return "end"
	default:
		return "middle"
	}
}

// value is one value of a line: X is from 0 to 1, and Low, High and Y, their mean, are
// in pixels.
type value struct {
	x, y, low, high float64
	there           bool
}

// line draws values as a path, with gaps where there are none. A single value becomes a
// dot, because a path of one point is invisible. Where values were merged, a band shows
// their range.
func (c *chart) line(class string, values []value) {
	var d, band strings.Builder
	for start := 0; start < len(values); start++ {
		if !values[start].there {
			continue
		}
		end := start
		for end < len(values) && values[end].there {
			end++
		}
		run := values[start:end]
		if len(run) == 1 {
			c.Dots = append(c.Dots, dot{Class: class, X: percentOf(run[0].x), Y: px(run[0].y)})
		}
		polyline(&d, run)
		outline(&band, run)
		start = end
	}
	if band.Len() > 0 {
		c.Paths = append(c.Paths, path{"band " + class, band.String()})
	}
	if d.Len() > 0 {
		c.Paths = append(c.Paths, path{"line " + class, d.String()})
	}
}

func polyline(d *strings.Builder, run []value) {
	if len(run) < 2 {
		return
	}
	for i, v := range run {
		point(d, i == 0, v.x, v.y)
	}
}

// outline draws [ring] if the highest and lowest values differ visibly.
func outline(d *strings.Builder, run []value) {
	for _, v := range run {
		if math.Abs(v.low-v.high) > 1 {
			ring(d, run)
			return
		}
	}
}

// ring follows the highest values and returns along the lowest.
func ring(d *strings.Builder, run []value) {
	if len(run) < 2 {
		return
	}
	for i, v := range run {
		point(d, i == 0, v.x, v.high)
	}
	for _, v := range slices.Backward(run) {
		point(d, false, v.x, v.low)
	}
	d.WriteByte('Z')
}

// between fills the area between two lines. Where the upper one has no value, it draws
// nothing.
func (c *chart) between(class string, upper, lower []value) {
	var d strings.Builder
	var run []value
	for n, v := range upper {
		if !v.there {
			ring(&d, run)
			run = nil
			continue
		}
		run = append(run, value{x: v.x, high: v.y, low: lower[n].y})
	}
	ring(&d, run)
	if d.Len() > 0 {
		c.Paths = append(c.Paths, path{"area " + class, d.String()})
	}
}

// ground returns a line along the axis, under each of the values.
func ground(values []value) []value {
	all := slices.Clone(values)
	for n := range all {
		all[n].y = plotTop + plotHeight
	}
	return all
}

func point(d *strings.Builder, first bool, x, y float64) {
	if first {
		d.WriteByte('M')
	} else {
		d.WriteByte('L')
	}
	d.WriteString(px(pathWidth * x))
	d.WriteByte(' ')
	d.WriteString(px(y))
}
