package stats

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range of times, in µs, and the significant digits. A shorter time counts as 1 µs,
// a longer one as 1 h.
const (
	shortest = 1
	longest  = int64(time.Hour / time.Microsecond)
	digits   = 3
)

// micros converts a time to µs, within the range.
func micros(d time.Duration) int64 {
	return min(max(int64(d.Round(time.Microsecond)/time.Microsecond), shortest), longest)
}

// ms converts µs to [MS].
func ms(us int64) MS { return MS(time.Duration(us) * time.Microsecond) }

// times is a distribution of times in µs. Count, sum, minimum and maximum are exact.
// Its zero value is empty, and allocates no memory before the first time.
type times struct {
	histogram  *hdrhistogram.Histogram
	count, sum int64
	min, max   int64
}

// add counts a time that [micros] returned.
func (t *times) add(us int64) {
	if t.histogram == nil {
		t.histogram = hdrhistogram.New(shortest, longest, digits)
	}
	if t.histogram.RecordValue(us) != nil {
		// impossible: micros keeps to the histogram's range
		return
	}
	if t.count == 0 || us < t.min {
		t.min = us
	}
	t.max = max(t.max, us)
	t.count++
	t.sum += us
}

// clear empties the distribution, and keeps its memory.
func (t *times) clear() {
	if t.count > 0 {
		t.histogram.Reset()
	}
	*t = times{histogram: t.histogram}
}

// at returns percentiles. They are clamped to the minimum and maximum, because a bucket
// of the histogram is wider than its contents.
func (t *times) at(percentiles ...float64) []MS {
	found := make([]MS, len(percentiles))
	if t.count == 0 {
		return found
	}
	for i, v := range t.histogram.ValueAtPercentilesSlice(percentiles) {
		found[i] = ms(min(max(v, t.min), t.max))
	}
	return found
}

// latency returns the distribution for a report.
func (t *times) latency() Latency {
	if t.count == 0 {
		return Latency{}
	}
	l := Latency{
		Mean: MS(math.Round(float64(t.sum) / float64(t.count) * float64(time.Microsecond))),
		Min:  ms(t.min),
	}
	fields := l.fields()
	for i, v := range t.at(latencyPercentiles()...) {
		*fields[i] = v
	}
	return l
}

// latencyPercentiles returns the percentiles of a [Latency] in ascending order; 100 is
// the maximum.
func latencyPercentiles() []float64 {
	return []float64{50, 66, 75, 80, 90, 95, 98, 99, 99.9, 99.99, 100}
}

// fields returns the fields of the percentiles, in their order.
func (l *Latency) fields() []*MS {
	return []*MS{&l.P50, &l.P66, &l.P75, &l.P80, &l.P90, &l.P95, &l.P98, &l.P99, &l.P999, &l.P9999, &l.Max}
}
