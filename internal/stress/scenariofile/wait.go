package scenariofile

import (
	"time"

	"onsale/internal/stress"
)

const (
	// waitFields are those of a wait.
	waitFields = "constant between pacing"
	// minPace is the shortest useful pacing over a network.
	minPace = time.Millisecond
)

// wait reads a wait time: a duration, a list of two, or a mapping with constant, between or pacing.
func (f *fileReader) wait(n node) stress.Wait {
	if n.scalar() {
		return stress.Constant(f.duration(n, 0))
	}
	if n.list() {
		return f.between(n)
	}
	fields := f.object(n, waitFields)
	if len(fields) != 1 {
		f.fail(n, "must have exactly one of constant, between and pacing, such as between: [1s, 3s]")
		return nil
	}
	if v, ok := fields["constant"]; ok {
		return stress.Constant(f.duration(v, 0))
	}
	if v, ok := fields["pacing"]; ok {
		return stress.Pacing(f.duration(v, minPace))
	}
	return f.between(fields["between"])
}

// between reads the shortest and the longest wait time: [1s, 3s].
func (f *fileReader) between(n node) stress.Wait {
	items := f.items(n)
	if len(items) != 2 {
		f.fail(n, "must be two durations, such as [1s, 3s]")
		return nil
	}
	least, most := f.duration(items[0], 0), f.duration(items[1], 0)
	if least > most {
		f.fail(n, "must have the shorter duration first")
		return nil
	}
	return stress.Between(least, most)
}

// pause reads a pause between two steps, which cannot have pacing.
func (f *fileReader) pause(n node) stress.Wait {
	if n.mapping() && has(f.pairs(n), "pacing") {
		f.fail(n, "must be constant or between: pacing is only for the wait between tasks")
	}
	return f.wait(n)
}
