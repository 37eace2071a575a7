package stats

import (
	"maps"
	"strings"
	"time"
)

// maxBusiness is the maximum number of distinct business outcomes of an entry.
const maxBusiness = 50

// tally counts the requests of one entry, or all requests.
type tally struct {
	requests, failures, bytes int64
	business                  map[string]int64
	response, service         times
	marks                     [windowMarks]mark
}

// mark has the counts at a moment.
type mark struct{ requests, failures int64 }

// add counts a sample, with its times in µs.
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

// mark stores the current counts at a position of the window.
func (t *tally) mark(at int) { t.marks[at] = mark{t.requests, t.failures} }

// summary returns the counts, with rates over a period in seconds.
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
	// windowLength is the period of the current rates, as in Locust.
	windowLength = 10 * time.Second
	// windowStep is the minimum time between two marks: slightly less than a second, so
	// that a tick that comes early counts.
	windowStep = 900 * time.Millisecond
	// windowMarks is enough marks for the period at that step.
	windowMarks = 13
)

// window has the moments of the last ten seconds, and slightly more.
type window struct {
	moments [windowMarks]time.Time
	// newest is the position of the newest moment. The others precede it, in a ring.
	newest, count int
}

func newWindow(start time.Time) window {
	w := window{count: 1}
	w.moments[0] = start
	return w
}

// mark adds a moment to the window, unless it is too close to the last one, and returns
// its position.
func (w *window) mark(now time.Time) (at int, moved bool) {
	if now.Sub(w.moments[w.newest]) < windowStep {
		return 0, false
	}
	w.newest = (w.newest + 1) % windowMarks
	w.count = min(w.count+1, windowMarks)
	w.moments[w.newest] = now
	return w.newest, true
}

// lately returns the position of the newest moment that is at least the period ago, or
// else of the oldest one, and the seconds since.
func (w *window) lately(now time.Time) (at int, seconds float64) {
	for back := range w.count {
		at = (w.newest - back + windowMarks) % windowMarks
		// half a step less, so that a tick that comes early does not add a second
		if now.Sub(w.moments[at]) >= windowLength-windowStep/2 {
			break
		}
	}
	return at, now.Sub(w.moments[at]).Seconds()
}
