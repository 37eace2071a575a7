package stats

import (
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxEntries bounds the names that are told apart, "(other)" not counted. Each takes
// 190 KB (380 KB where service times are kept apart), so that a path with an id in it,
// taken for a name by mistake, costs at most 80 MB.
const maxEntries = 200

// other names what is beyond a limit.
const other = "(other)"

// Options of a [Recorder]. The zero value of a field stands for its default.
type Options struct {
	// Start is when the run begins.
	Start time.Time
	// Interval is the length of a point of the series, 1 s by default. Whoever calls [Recorder.Tick] does so that often.
	Interval time.Duration
	// Shards is how many may record at once without waiting for each other;
	// GOMAXPROCS by default.
	Shards int
	// Separate keeps service times apart from response times.
	Separate bool
	// Observe sees each sample too, if given: it must not block.
	Observe func(method, name string, s Sample)
	// Off records nothing at all: for users whom nobody measures, and to measure
	// what recording costs.
	Off bool
}

// Recorder counts and times requests. It is safe for concurrent use.
//
// Those who record put samples into buffers, a buffer a shard, and wait for nobody but
// for others of the same shard. A full buffer is counted by whoever filled it, or, where
// somebody else is counting or reading at that moment, by the next who does.
type Recorder struct {
	interval time.Duration
	separate bool
	off      bool
	observe  func(method, name string, s Sample)

	shards []*shard
	queue  queue

	// entries is replaced, never changed, so that it is read without a lock; naming is held to replace it. One of them is
	// rest, which counts what is beyond the limit.
	entries atomic.Pointer[map[entryKey]*Entry]
	naming  sync.Mutex
	rest    *Entry

	due, notSent atomic.Int64

	// counting guards all below, and the tallies of the entries.
	counting sync.Mutex
	start    time.Time
	// since is from when on a request must be due to count, and end when the last
	// task had begun; both may be zero.
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

// entryKey tells entries apart.
type entryKey struct{ method, name string }

// Entry is the requests of one method and name.
type Entry struct {
	recorder *Recorder
	key      entryKey
	tally    tally
	// examples are the kinds and details of failures of which there is an example.
	examples atomic.Pointer[[][2]string]
}

// Entry returns that of a method and a name. It is quick, and may be asked for each
// request. After maxEntries different ones, further names are counted as one
// named "(other)", without a method. An entry stays valid after a [Recorder.Reset].
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

// newEntry adds an entry, unless somebody else just did.
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
	// The name may be a part of something larger, which is not to be kept.
	e := &Entry{recorder: r, key: entryKey{strings.Clone(method), strings.Clone(name)}}
	larger := maps.Clone(entries)
	larger[e.key] = e
	r.entries.Store(&larger)
	return e
}

// Record counts one request. The shard is any number that differs between those who record at once,
// such as the user's.
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

// Due counts tasks that were due, and of them those that were not begun.
func (r *Recorder) Due(due, notSent int64) {
	if r.off {
		return
	}
	r.due.Add(due)
	r.notSent.Add(notSent)
}

// Tick ends an interval of the series, and returns its point. Points of the series in a [Snapshot]
// may be longer than this one. A tick at the moment of the last one ends nothing.
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

// Reset forgets all that was recorded, so that a warm-up does not count. Rates and the series
// begin anew at that moment. Requests that were due before the first reset are not counted
// later either, as they began in what does not count; further resets leave that moment.
func (r *Recorder) Reset(now time.Time) {
	r.counting.Lock()
	defer r.counting.Unlock()
	r.collect()
	r.clear(now)
	if r.since.IsZero() {
		r.since = now
	}
}

// End says that nobody begins another task from now on: the time over which rates
// are taken ends, the first time it is called. What is under way is counted and
// has its points in the series nevertheless.
func (r *Recorder) End(now time.Time) {
	r.counting.Lock()
	defer r.counting.Unlock()
	if r.end.IsZero() {
		r.end = now
	}
}

// seconds returns over how long rates are taken; the lock is held.
func (r *Recorder) seconds(now time.Time) float64 {
	if !r.end.IsZero() && now.After(r.end) {
		now = r.end
	}
	return max(now.Sub(r.start).Seconds(), 0)
}

// counts reports whether a sample is one of what counts; the lock is held.
func (r *Recorder) counts(s *Sample) bool {
	return r.since.IsZero() || s.At.IsZero() || !s.At.Add(-s.Response).Before(r.since)
}

// clear makes all as at the start; the lock is held.
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
