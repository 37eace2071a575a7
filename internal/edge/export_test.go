package edge

// PaceBy is Pace with another count of the goroutines that wait for a processor.
func (l *Listener) PaceBy(urgent []string, runnable func() int) { l.pace(urgent, runnable) }

// What tests compare with.
const (
	TurnInterval = turnInterval
	LeastTurns   = leastTurns
)
