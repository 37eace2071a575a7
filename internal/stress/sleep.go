package stress

import "time"

// shortSleep is the longest sleep that nothing can interrupt. The end of the run or a
// change of its rate is noticed that much later.
const shortSleep = 2 * time.Millisecond

// sleeper sleeps for short times, more exactly than Go's timers: an idle process
// checks those only once a millisecond. The zero value is ready to use.
type sleeper struct {
	kernel kernelTimer
	// plain is set if the sleeper uses Go's timers.
	plain bool
}

// sleep sleeps for a time, which should not exceed shortSleep.
func (s *sleeper) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	if !s.plain {
		before := time.Now()
		// Under testing/synctest the kernel's timer fires although no time has passed.
		s.plain = !s.kernel.sleep(d) || time.Since(before) <= 0
		return
	}
	<-time.After(d)
}

func (s *sleeper) close() { s.kernel.close() }
