package telemetry

import (
	"slices"
	"time"
)

const (
	// maxCPUWindow is the time over which CPU usage is averaged. It is long enough for
	// steady values, and as long as the scrape interval, so that no peak is lost
	// between two scrapes.
	maxCPUWindow = 5 * time.Second
	// minCPUWindow is the minimum time over which usage is averaged. The kernel counts
	// usage in ticks of 10 ms and applies quotas in periods of 100 ms, so shorter
	// windows would be noisy.
	minCPUWindow = time.Second
)

// cpuSample is one reading of the CPU counters.
type cpuSample struct {
	at time.Time
	// source is the group that was read; the zero value means the whole machine.
	source cpuGroup
	// used and available are CPU seconds, summed over all CPUs.
	used, available float64
}

// cpuWindow has the samples of the last seconds, the oldest first.
type cpuWindow struct{ samples []cpuSample }

// add appends a sample and drops those that are no longer needed.
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

// continues reports whether s can be compared with the sample before it. A different
// group, a different limit or a reset of the counters starts a new window.
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
