//go:build !linux

package prom

import "time"

// measure calls work and returns the time that it took, since the processor time
// of one thread cannot be read here without cgo.
func measure(work func()) time.Duration {
	start := time.Now()
	work()
	return time.Since(start)
}
