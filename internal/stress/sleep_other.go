//go:build !linux

package stress

import "time"

// kernelTimer does nothing on this system; the sleeper uses Go's timers.
type kernelTimer struct{}

func (*kernelTimer) sleep(time.Duration) bool { return false }

func (*kernelTimer) close() {}
