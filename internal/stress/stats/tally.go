package stats

import (
	"maps"
	"strings"
	"time"
)

// maxBusiness bounds the names of business outcomes that are told apart in an entry.
const maxBusiness = 50

// tally counts the requests of one entry, or all.
type tally struct {
	requests, failures, bytes int64
	business                  map[string]int64
	response, service         times
	marks                     [windowMarks]mark
}

// mark is what was counted until a moment.
type mark struct{ requests, failures int64 }

// add counts a sample, whose times are given in µs.
func (t *tally) add(s *Sample, response, service int64, separate bool) {
	t.requests++
	t.bytes += s.Bytes
	t.response.add(response)
	if separate {
		t.service.add(service)
	}
	switch s.Outcome.Class {
	case OK:
	case Failed:
		t.failures++
	case Business:
		t.addBusiness(s.Outcome.Kind)
	}
}

func (t *tally) addBusiness(kind string) {
	if _, known := t.business[kind]; !known {
		if t.business == nil {
			t.business = map[string]int64{}
		}
		if kind = strings.Clone(kind); len(t.business) >= maxBusiness {
			kind = other
		}
	}
	t.business[kind]++
}

// mark remembers what was counted until now under a place of the window.
func (t *tally) mark(at int) { t.marks[at] = mark{t.requests, t.failures} }

// summary returns what was counted, with rates over so many seconds.
func (t *tally) summary(key entryKey, seconds float64, w *window, now time.Time) Summary {
	s := Summary{
		Method:   key.method,
		Name:     key.name,
		Requests: t.requests,
		Failures: t.failures,
		Business: maps.Clone(t.business),
		Bytes:    t.bytes,
		Response: t.response.latency(),
	}
	if seconds > 0 {
		s.Rate = float64(t.requests) / seconds
		s.FailureRate = float64(t.failures) / seconds
	}
	at, lately := w.lately(now)
	if lately > 0 {
		s.RateNow = float64(t.requests-t.marks[at].requests) / lately
		s.FailureRateNow = float64(t.failures-t.marks[at].failures) / lately
	}
	if t.service.count > 0 {
		service := t.service.latency()
		s.Service = &service
	}
	return s
}

const (
	// windowLength is how far back the rates of now look, as Locust's do.
	windowLength = 10 * time.Second
	// windowStep is the least time between two moments that are remembered: with
	// ticks each second, a bit less than one, so that a tick that comes early counts.
	windowStep = 900 * time.Millisecond
	// windowMarks are enough to reach back over the length at that step.
	windowMarks = 13
)

// window has the moments of the last ten seconds and a bit.
type window struct {
	moments [windowMarks]time.Time
	// newest is the place of the newest; the others stand before it, in a ring.
	newest, count int
}

func newWindow(start time.Time) window {
	w := window{count: 1}
	w.moments[0] = start
	return w
}

// mark takes a moment into the window, unless it is too close to the last, and
// returns its place.
func (w *window) mark(now time.Time) (at int, moved bool) {
	if now.Sub(w.moments[w.newest]) < windowStep {
		return 0, false
	}
	w.newest = (w.newest + 1) % windowMarks
	w.count = min(w.count+1, windowMarks)
	w.moments[w.newest] = now
	return w.newest, true
}

// lately returns the place of the newest moment that is as long ago as the window is, or of the
// oldest there is, and the seconds since.
func (w *window) lately(now time.Time) (at int, seconds float64) {
	for back := range w.count {
		at = (w.newest - back + windowMarks) % windowMarks
		// Half a step less, so that a tick that comes early is not a second more.
		if now.Sub(w.moments[at]) >= windowLength-windowStep/2 {
			break
		}
	}
	return at, now.Sub(w.moments[at]).Seconds()
}
