package stats

import (
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxEntries is the maximum number of distinct names, without "(other)". Each takes 190
// KB (380 KB with separate service times). So a path that contains an id, used as a
// name by mistake, costs at most 80 MB.
const maxEntries = 200

// other is the name of everything beyond a limit.
const other = "(other)"

// Options of a [Recorder]. The zero value of a field means its default.
type Options struct {
	// Start is the start of the run.
	Start time.Time
	// Interval is the length of a point of the series; 0 means 1 s. Call
	// [Recorder.Tick] at this interval.
	Interval time.Duration
	// Shards is the number of goroutines that can record without waiting for each
	// other; 0 means GOMAXPROCS.
	Shards int
	// Separate records service times separately from response times.
	Separate bool
	// Observe is called for each sample, if not nil. It must not block.
	Observe func(method, name string, s Sample)
	// Off records nothing: for users that nobody measures, and for measuring the cost
	// of recording.
	Off bool
}

// Recorder counts and times requests. It is safe for concurrent use.
//
// Users put samples into buffers, one per shard, and wait only for users of the same
// shard. The user that fills a buffer counts its samples. If another goroutine is
// counting or reading at that moment, the next one that counts does it.
type Recorder struct {
	interval time.Duration
	separate bool
	off      bool
	observe  func(method, name string, s Sample)

	shards []*shard
	queue  queue

	// entries is replaced and never changed, so that reading needs no lock; naming is
	// held to replace it. The entry rest counts everything beyond the limit.
	entries atomic.Pointer[map[entryKey]*Entry]
	naming  sync.Mutex
	rest    *Entry

	due, notSent atomic.Int64

	// counting guards everything below, and the tallies of the entries.
	counting sync.Mutex
	start    time.Time
	// A request counts only if it was due after since. end is when the last task began.
	// Both can be zero.
	since, end time.Time
	total      tally
	failures   failures
	window     window
	series     series
	// current is the interval since the last tick.
	current current
	sketch  sketch
}

// New returns a recorder.
func New(o Options) *Recorder {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Shards <= 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	r := &Recorder{
		interval: o.Interval,
		separate: o.Separate,
		off:      o.Off,
		observe:  o.Observe,
		shards:   make([]*shard, o.Shards),
	}
	for i := range r.shards {
		r.shards[i] = &shard{}
	}
	r.rest = &Entry{recorder: r, key: entryKey{name: other}}
	r.entries.Store(&map[entryKey]*Entry{r.rest.key: r.rest})
	r.clear(o.Start)
	return r
}

// entryKey identifies an entry.
type entryKey struct{ method, name string }

// Entry has the requests of one method and name.
type Entry struct {
	recorder *Recorder
	key      entryKey
	tally    tally
	// examples are the kinds and details of failures that have an example.
	examples atomic.Pointer[[][2]string]
}

// Entry returns the entry of a method and a name. It is fast enough to call for each
// request. After maxEntries names, it returns one entry named "(other)" without a
// method for all further ones. An entry stays valid after a [Recorder.Reset].
func (r *Recorder) Entry(method, name string) *Entry {
	entries := *r.entries.Load()
	if e, ok := entries[entryKey{method, name}]; ok {
		return e
	}
	if r.off || len(entries) > maxEntries {
		return r.rest
	}
	return r.newEntry(method, name)
}

// newEntry adds an entry, unless another goroutine just did.
func (r *Recorder) newEntry(method, name string) *Entry {
	r.naming.Lock()
	defer r.naming.Unlock()
	entries := *r.entries.Load()
	if e, ok := entries[entryKey{method, name}]; ok {
		return e
	}
	if len(entries) > maxEntries {
		return r.rest
	}
	// Clone the strings, which may be parts of larger ones, so that those can be freed.
	e := &Entry{recorder: r, key: entryKey{strings.Clone(method), strings.Clone(name)}}
	larger := maps.Clone(entries)
	larger[e.key] = e
	r.entries.Store(&larger)
	return e
}

// Record counts one request. The shard is any number that differs between concurrent
// callers, such as the user's index.
func (e *Entry) Record(shard int, s Sample) {
	r := e.recorder
	if r.off {
		return
	}
	if r.observe != nil {
		r.observe(e.key.method, e.key.name, s)
	}
	if waiting := r.shards[uint(shard)%uint(len(r.shards))].add(record{e, s}, &r.queue); waiting > 0 {
		r.relieve(waiting)
	}
}

// Due counts tasks that were due, and how many of them were not begun.
func (r *Recorder) Due(due, notSent int64) {
	if r.off {
		return
	}
	r.due.Add(due)
	r.notSent.Add(notSent)
}

// Tick ends an interval of the series, and returns its point. Points of the series in a
// [Snapshot] can be longer. A second tick at the same moment ends nothing.
func (r *Recorder) Tick(now time.Time, g Gauges) Point {
	r.counting.Lock()
	defer r.counting.Unlock()
	r.collect()
	if !now.After(r.current.since) {
		return Point{}
	}
	p := r.current.point(r.start, now, g)
	r.series.add(p, &r.current.times)
	r.current.clear(now)
	if at, moved := r.window.mark(now); moved {
		r.total.mark(at)
		for _, e := range *r.entries.Load() {
			e.tally.mark(at)
		}
	}
	return p
}

// Reset discards everything recorded so far, so that a warm-up does not count. Rates
// and the series restart at that moment. Requests that were due before the first reset
// do not count later either, because they belong to the warm-up; further resets do not
// change that moment.
func (r *Recorder) Reset(now time.Time) {
	r.counting.Lock()
	defer r.counting.Unlock()
	r.collect()
	r.clear(now)
	if r.since.IsZero() {
		r.since = now
	}
}

// End records that no task begins from now on, so the period for rates ends. Only the
// first call has an effect. Requests under way still count, and have points in the
// series.
func (r *Recorder) End(now time.Time) {
	r.counting.Lock()
	defer r.counting.Unlock()
	if r.end.IsZero() {
		r.end = now
	}
}

// seconds returns the period for rates. The caller holds the lock.
func (r *Recorder) seconds(now time.Time) float64 {
	if !r.end.IsZero() && now.After(r.end) {
		now = r.end
	}
	return max(now.Sub(r.start).Seconds(), 0)
}

// counts reports whether a sample counts. The caller holds the lock.
func (r *Recorder) counts(s *Sample) bool {
	return r.since.IsZero() || s.At.IsZero() || !s.At.Add(-s.Response).Before(r.since)
}

// clear resets everything. The caller holds the lock.
func (r *Recorder) clear(now time.Time) {
	r.start = now
	r.due.Store(0)
	r.notSent.Store(0)
	r.total = tally{}
	r.failures = failures{}
	r.window = newWindow(now)
	r.series = newSeries(r.interval)
	r.current.clear(now)
	for _, e := range *r.entries.Load() {
		e.tally = tally{}
		e.examples.Store(nil)
	}
}
