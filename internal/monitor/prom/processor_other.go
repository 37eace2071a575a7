//go:build !linux

package prom

import "time"

// measure calls work and returns the elapsed time. On this system, reading the processor
// time of one thread needs cgo.
func measure(work func()) time.Duration {
	start := time.Now()
	work()
	return time.Since(start)
}
