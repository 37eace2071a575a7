package automate

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// Latencies are recorded in microseconds up to ten minutes, with three significant
	// digits. That takes about 170 kB, for any number of calls.
	maxLatency = 10 * time.Minute
	digits     = 3
	// maxKinds is how many kinds of errors are counted separately. The limit keeps a
	// server that sends ever new codes from using up memory.
	maxKinds = 50
	// otherKind is the kind of all further errors.
	otherKind = "other"
)

// stats counts calls and items. It is safe for concurrent use.
type stats struct {
	now   func() time.Time
	start time.Time

	created, deleted, kept, missing, unsure atomic.Int64
	failed, cutOff, inFlight                atomic.Int64

	mu       sync.Mutex
	calls    int64
	statuses map[int]int64
	kinds    map[string]int64
	examples map[string]string // by kind: a description of the first such call
	latency  [actions]*hdrhistogram.Histogram
}

func newStats(now func() time.Time) *stats {
	s := &stats{now: now, start: now(), statuses: map[int]int64{}, kinds: map[string]int64{}, examples: map[string]string{}}
	for i := range s.latency {
		s.latency[i] = newHistogram()
	}
	return s
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency.Microseconds(), digits)
}

// count counts a call.
func (s *stats) count(a action, c Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.statuses[c.Status]++
	if c.Error != "" {
		kind := c.Error
		if _, known := s.kinds[kind]; !known && len(s.kinds) >= maxKinds {
			kind = otherKind
		}
		s.kinds[kind]++
		if s.kinds[kind] == 1 && c.Message != "" {
			s.examples[kind] = example(c)
		}
	}
	if c.Status != 0 {
		took := min(max(c.Duration.Microseconds(), 1), maxLatency.Microseconds())
		_ = s.latency[a].RecordValue(took) // cannot be out of range
	}
}

// example describes a failed call on one line.
func example(c Call) string {
	answer := "got no answer"
	if c.Status != 0 {
		answer = fmt.Sprintf("got status %d", c.Status)
	}
	return fmt.Sprintf("%s %s %s: %s", c.Method, c.Path, answer, c.Message)
}

// latencyOf summarises one histogram.
func latencyOf(h *hdrhistogram.Histogram) Latency {
	at := func(q float64) time.Duration { return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond }
	return Latency{
		Calls: h.TotalCount(), P50: at(50), P95: at(95), P99: at(99),
		Max: time.Duration(h.Max()) * time.Microsecond,
	}
}

// all returns a histogram of the latencies of all actions.
func (s *stats) all() *hdrhistogram.Histogram {
	sum := newHistogram()
	for _, h := range s.latency {
		sum.Merge(h)
	}
	return sum
}
