package crowd

import (
	"fmt"
	"slices"
	"sync"
)

// names are those of the collectors: crowd-1, crowd-2 and so on. Each is a label of
// metrics, and an active user for a while after its last call. So whoever comes
// gets the lowest that is free, and there are never more than collectors at a time.
type names struct {
	mu    sync.Mutex
	taken []bool
}

// take returns a name that nobody else has, and its number for giving it back.
func (n *names) take() (name string, number int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	number = slices.Index(n.taken, false)
	if number < 0 {
		number = len(n.taken)
		n.taken = append(n.taken, false)
	}
	n.taken[number] = true
	return fmt.Sprintf("crowd-%d", number+1), number
}

func (n *names) giveBack(number int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taken[number] = false
}
