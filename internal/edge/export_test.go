package edge

// PaceBy is Pace with another count of the goroutines that wait for a processor.
func (l *Listener) PaceBy(urgent []string, runnable func() int) { l.pace(urgent, runnable) }

// Spend makes the next request look whether it must wait.
func (l *Listener) Spend() { l.turns.budget.Store(0) }

// What tests compare with.
const (
	TurnInterval = turnInterval
	LeastTurns   = leastTurns
)
