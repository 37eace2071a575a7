package server

import (
	"container/list"
	"strings"
	"sync"
	"time"
)

const (
	// activeFor is how long a user counts as active.
	activeFor = 5 * time.Minute
	// maxActive is how many users are remembered, some two megabytes of them.
	maxActive = 10_000
)

// activeUsers counts the different users of the last minutes. It remembers the
// latest, in the order in which they were last seen; whom it forgets for want
// of room was seen before all of them, so that up to maxActive it is exact and
// beyond it says maxActive.
type activeUsers struct {
	now func() time.Time

	mu     sync.Mutex
	order  list.List // of *sighting, the latest in front
	byUser map[string]*list.Element
}

// sighting is when a user was last seen.
type sighting struct {
	user string
	at   time.Time
}

func newActiveUsers(now func() time.Time) *activeUsers {
	return &activeUsers{now: now, byUser: make(map[string]*list.Element)}
}

// see notes that a user is there. It takes the same time however many are.
func (a *activeUsers) see(user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if e, known := a.byUser[user]; known {
		e.Value.(*sighting).at = now
		a.order.MoveToFront(e)
		return
	}
	if a.order.Len() == maxActive {
		a.forget(a.order.Back())
	}
	user = strings.Clone(user) // of a header, which is not to be kept whole
	a.byUser[user] = a.order.PushFront(&sighting{user, now})
}

// count forgets who has not been seen for long and returns how many are left.
func (a *activeUsers) count() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	oldest := a.now().Add(-activeFor)
	for e := a.order.Back(); e != nil && e.Value.(*sighting).at.Before(oldest); e = a.order.Back() {
		a.forget(e)
	}
	return float64(a.order.Len())
}

func (a *activeUsers) forget(e *list.Element) {
	a.order.Remove(e)
	delete(a.byUser, e.Value.(*sighting).user)
}
