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
	// maxActive is how many users are remembered, which takes about 2 MB.
	maxActive = 10_000
)

// activeUsers counts the distinct users of the last minutes. It remembers users in the
// order in which they were last seen, and drops the oldest when it is full. The count is
// therefore exact up to maxActive, and maxActive above that.
type activeUsers struct {
	now func() time.Time

	mu     sync.Mutex
	order  list.List // of *sighting, the latest first
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

// see records that a user made a request. It takes constant time.
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
	user = strings.Clone(user) // do not keep the whole header alive
	a.byUser[user] = a.order.PushFront(&sighting{user, now})
}

// count drops users not seen within activeFor and returns how many are left.
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
