package stats

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Snapshot returns all that was recorded until now. The series has what was recorded until the
// last tick; all else is newer. It may be asked often: nobody who records waits for it.
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

// maxBars is how many bars a histogram has at most.
const maxBars = 60

// sketch makes bars; its memory is used again.
type sketch struct{ packed *hdrhistogram.PackedHistogram }

// bars returns the range of times that is used as bars whose widths grow with the
// times: each ends at the same multiple of where the one before ends. Where that would be less than 1 µs,
// there are fewer.
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
