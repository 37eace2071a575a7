package crowd

import (
	"fmt"
	"slices"
	"sync"
)

// names assigns the names of the collectors: crowd-1, crowd-2 and so on. Each name
// is a label value of metrics, and counts as an active user for a while after its
// last call. So a new collector gets the lowest free name, and there are never more
// names than concurrent collectors.
type names struct {
	mu    sync.Mutex
	taken []bool
}

// take returns an unused name, and its number for giveBack.
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
