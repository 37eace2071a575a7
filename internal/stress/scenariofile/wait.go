package scenariofile

import (
	"time"

	"onsale/internal/stress"
)

const (
	// waitFields are those of a wait.
	waitFields = "constant between pacing"
	// minPace is the shortest that means anything over a network.
	minPace = time.Millisecond
)

// wait reads what is waited: a time, or one of constant, between and pacing.
func (f *fileReader) wait(n node) stress.Wait {
	if n.scalar() {
		return stress.Constant(f.duration(n, 0))
	}
	if n.list() {
		return f.between(n)
	}
	fields := f.object(n, waitFields)
	if len(fields) != 1 {
		f.fail(n, "must have one of constant, between and pacing, such as between: [1s, 3s]")
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

// between reads the two ends of a wait: [1s, 3s].
func (f *fileReader) between(n node) stress.Wait {
	items := f.items(n)
	if len(items) != 2 {
		f.fail(n, "must be two times, such as [1s, 3s]")
		return nil
	}
	least, most := f.duration(items[0], 0), f.duration(items[1], 0)
	if least > most {
		f.fail(n, "must have the shorter time first")
		return nil
	}
	return stress.Between(least, most)
}

// pause reads what is waited between two steps, where there is no pace to keep.
func (f *fileReader) pause(n node) stress.Wait {
	if n.mapping() && has(f.pairs(n), "pacing") {
		f.fail(n, "must be constant or between: only tasks have a pace")
	}
	return f.wait(n)
}
