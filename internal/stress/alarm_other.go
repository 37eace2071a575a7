//go:build !linux

package stress

import "time"

// alarm is not there: Go's timers do it on this system.
type alarm struct{}

func (*alarm) sleep(time.Duration) bool { return false }

func (*alarm) close() {}
