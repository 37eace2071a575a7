package stats

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Snapshot returns everything recorded so far. The series ends at the last tick; all
// else is up to date. It can be called often: recording does not wait for it.
func (r *Recorder) Snapshot(now time.Time) Snapshot {
	r.counting.Lock()
	defer r.counting.Unlock()
	r.collect()
	seconds := r.seconds(now)
	s := Snapshot{
		Duration:  seconds,
		Total:     r.total.summary(entryKey{}, seconds, &r.window, now),
		Entries:   []Summary{},
		Failures:  r.failures.list(),
		NotSent:   r.notSent.Load(),
		Due:       r.due.Load(),
		Series:    append([]Point{}, r.series.points...),
		Histogram: r.sketch.bars(&r.total.response),
	}
	for _, e := range *r.entries.Load() {
		if e.tally.requests > 0 {
			s.Entries = append(s.Entries, e.tally.summary(e.key, seconds, &r.window, now))
		}
	}
	slices.SortFunc(s.Entries, func(a, b Summary) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Method, b.Method))
	})
	return s
}

// maxBars is the maximum number of bars of a histogram.
const maxBars = 60

// sketch makes bars, and reuses its memory.
type sketch struct{ packed *hdrhistogram.PackedHistogram }

// bars divides the range of times into bars that become wider: the end of each is the
// same multiple of the end of the one before. If the first would be narrower than 1 µs,
// there are fewer bars.
func (k *sketch) bars(t *times) []Bar {
	bars := []Bar{}
	if t.count == 0 {
		return bars
	}
	if k.packed == nil {
		k.packed = hdrhistogram.NewPacked(shortest, longest, digits)
	}
	k.packed.Reset()
	k.packed.MergeFrom(t.histogram)

	from := t.min - 1
	ratio := float64(t.max) / float64(t.min)
	for i := range maxBars {
		to := int64(math.Round(float64(t.min) * math.Pow(ratio, float64(i+1)/maxBars)))
		if i == maxBars-1 {
			to = t.max
		}
		if to > from {
			bars = append(bars, Bar{From: ms(from), To: ms(to)})
			from = to
		}
	}
	at := 0
	for us, count := range k.packed.ForEachBucket {
		for at < len(bars)-1 && ms(us) > bars[at].To {
			at++
		}
		bars[at].Count += count
	}
	return bars
}
