package edge

// PaceBy is Pace with a given function that counts runnable goroutines.
func (l *Listener) PaceBy(urgent []string, runnable func() int) { l.pace(urgent, runnable) }

// Spend uses up the budget, so that the next request checks whether it must wait.
func (l *Listener) Spend() { l.turns.budget.Store(0) }

// Constants for tests.
const (
	TurnInterval = turnInterval
	LeastTurns   = leastTurns
)
