package crowd

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"

	"onsale/internal/sale"
)

const (
	// The demo users leave a twentieth of each concert to others, and at least
	// minReserve tickets. This is more than the maximum number of users can buy
	// within the quarter of a second that a list of concerts may be old.
	reserveShare = 20
	minReserve   = 50
	// maxShown is the maximum number of concerts in the state.
	maxShown = 20
)

// Concert is a concert that the demo users buy from.
type Concert struct {
	ID        int64  `json:"id"`
	Title     string `json:"title"`
	Capacity  int64  `json:"capacity"`
	Available int64  `json:"available"`
}

// offer is the shared view of the stock. It keeps concurrent purchases of the users
// from selling a concert out.
type offer struct {
	mu       sync.Mutex
	concerts map[int64]*stock
}

// stock is one concert as last listed, plus the users' purchases since then.
type stock struct {
	sale.Concert

	// ordered is the number of tickets in purchases that are in progress.
	ordered int64
}

// open reports whether a purchase of any size leaves the reserve untouched.
func (s *stock) open() bool {
	return s.Available()-s.ordered-maxTickets >= max(s.Capacity/reserveShare, minReserve)
}

func newOffer() *offer { return &offer{concerts: make(map[int64]*stock)} }

// list stores a list of all concerts and returns the ids of those that users may
// buy from.
func (o *offer) list(all []sale.Concert) (open []int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	concerts := make(map[int64]*stock)
	for _, c := range all {
		s := &stock{Concert: c}
		if before := o.concerts[c.ID]; before != nil {
			s.ordered = before.ordered
		}
		if s.open() {
			open = append(open, c.ID)
		}
		if s.open() || s.ordered > 0 {
			concerts[c.ID] = s
		}
	}
	o.concerts = concerts
	return open
}

// add adds a new concert.
func (o *offer) add(c sale.Concert) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.concerts[c.ID] = &stock{Concert: c}
}

// take picks one of the concerts at random and reserves tickets of it until settle
// is called. It returns false if none is open any more.
func (o *offer) take(dice *rand.Rand, ids []int64, quantity int) (id int64, ok bool) {
	if len(ids) == 0 {
		return 0, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	first := dice.IntN(len(ids))
	for i := range ids {
		id = ids[(first+i)%len(ids)]
		if s := o.concerts[id]; s != nil && s.open() {
			s.ordered += int64(quantity)
			return id, true
		}
	}
	return 0, false
}

// settle ends a purchase that take started.
func (o *offer) settle(id int64, quantity int, sold bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.concerts[id]
	if s == nil {
		return // a newer list no longer contains the concert
	}
	s.ordered -= int64(quantity)
	if sold {
		s.Sold += int64(quantity)
	}
}

// open returns how many concerts users may buy from.
func (o *offer) open() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.concerts {
		if s.open() {
			n++
		}
	}
	return n
}

// newest returns the concerts that users may buy from, newest first.
func (o *offer) newest(limit int) []Concert {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]Concert, 0, len(o.concerts))
	for _, s := range o.concerts {
		if s.open() {
			list = append(list, Concert{s.ID, s.Title, s.Capacity, s.Available()})
		}
	}
	slices.SortFunc(list, func(a, b Concert) int { return cmp.Compare(b.ID, a.ID) })
	return list[:min(len(list), limit)]
}
