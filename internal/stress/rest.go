package stress

import "time"

// shortRest is how long a rest may be that nothing wakes from: an end of the run or a
// change of its rate is noticed so much later.
const shortRest = 2 * time.Millisecond

// rest sleeps for short times, more exactly than Go's timers, which an idle
// process only looks at once a millisecond. The zero value is ready.
type rest struct {
	alarm alarm
	// plain says that Go's timers do it.
	plain bool
}

// sleep waits for a time, which should not be longer than shortRest.
func (r *rest) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	if !r.plain {
		before := time.Now()
		// Under testing/synctest the alarm rings, and no time has passed.
		r.plain = !r.alarm.sleep(d) || time.Since(before) <= 0
		return
	}
	<-time.After(d)
}

func (r *rest) close() { r.alarm.close() }
