package telemetry

import (
	"slices"
	"time"
)

const (
	// maxCPUWindow is the time that CPU usage is averaged over: long enough to
	// be calm, and as long as the scrape interval, so that no peak falls
	// between two scrapes.
	maxCPUWindow = 5 * time.Second
	// minCPUWindow is the shortest time that is averaged over. Usage is counted
	// in ticks of 10 ms and a quota in periods of 100 ms; less would be noise.
	minCPUWindow = time.Second
)

// cpuSample is one reading of counters that only grow.
type cpuSample struct {
	at time.Time
	// source is the group that was read; the zero value is the whole machine.
	source cpuGroup
	// used and available are CPU seconds, summed up over all CPUs.
	used, available float64
}

// cpuWindow holds the samples of the last seconds, the oldest first.
type cpuWindow struct{ samples []cpuSample }

// add appends a sample and forgets those that are no longer needed.
func (w *cpuWindow) add(s cpuSample) {
	if n := len(w.samples); n > 0 && !s.continues(w.samples[n-1]) {
		w.samples = w.samples[:0]
	}
	w.samples = append(w.samples, s)
	// The window reaches back to the newest sample that is old enough.
	old := 0
	for old+1 < len(w.samples) && s.at.Sub(w.samples[old+1].at) >= maxCPUWindow {
		old++
	}
	w.samples = slices.Delete(w.samples, 0, old)
}

// continues reports whether s and the sample before it can be compared: another
// group, another limit or counters that began anew start a new window.
func (s cpuSample) continues(before cpuSample) bool {
	return s.source == before.source && s.used >= before.used && s.available >= before.available
}

// percent returns the usage over the window, or nil while it is too short.
func (w *cpuWindow) percent() *float64 {
	if len(w.samples) == 0 {
		return nil
	}
	first, last := w.samples[0], w.samples[len(w.samples)-1]
	if last.at.Sub(first.at) < minCPUWindow {
		return nil
	}
	return percent(last.used-first.used, last.available-first.available)
}
