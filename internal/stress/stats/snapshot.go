package stats

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What [Snapshot.Find] may say.
var (
	// ErrNotFound says that no request had that name.
	ErrNotFound = errors.New("no such name")
	// ErrAmbiguous says that several methods have that name.
	ErrAmbiguous = errors.New("several methods have this name")
)

// Snapshot returns all that was recorded until now. The series has what was recorded until the
// last tick; all else is newer. It may be asked often: nobody who records waits for it.
func (r *Recorder) Snapshot(now time.Time) Snapshot {
	r.counting.Lock()
	defer r.counting.Unlock()
	r.collect()
	seconds := max(now.Sub(r.start).Seconds(), 0)
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

// Find returns the summary of a name, written alone or after its method and a space: "/buy/[id]" or
// "POST /buy/[id]". Percentiles of several methods together cannot be had from those of each, so
// that a name alone must belong to one method: otherwise the error is [ErrAmbiguous]. It is
// [ErrNotFound] where no request was counted under the name.
func (s Snapshot) Find(name string) (Summary, error) {
	var found []Summary
	for _, e := range s.Entries {
		if e.Method+" "+e.Name == name {
			return e, nil
		}
		if e.Name == name {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return Summary{}, fmt.Errorf("find %q: %w", name, ErrNotFound)
	case 1:
		return found[0], nil
	default:
		return Summary{}, fmt.Errorf("find %q: %w: write %q", name, ErrAmbiguous, found[0].Method+" "+name)
	}
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
