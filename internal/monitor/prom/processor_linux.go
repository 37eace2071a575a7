package prom

import (
	"runtime"
	"syscall"
	"time"
)

// threadOnly is RUSAGE_THREAD, which package syscall does not define.
const threadOnly = 1

// measure calls work and returns the processor time that it used. Elapsed time would
// include the load of the sale.
func measure(work func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, ok := threadTime()
	start := time.Now()
	work()
	after, ok2 := threadTime()
	if !ok || !ok2 {
		return time.Since(start)
	}
	return after - before
}

// threadTime returns the processor time of the current thread.
func threadTime() (time.Duration, bool) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(threadOnly, &usage); err != nil {
		return 0, false
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), true
}
