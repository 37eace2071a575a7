package crowd

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"

	"onsale/internal/sale"
)

const (
	// The crowd leaves a twentieth of each concert to others, and at least
	// minReserve tickets. That is more than the largest crowd buys within the
	// quarter of a second that a list of concerts may be old.
	reserveShare = 20
	minReserve   = 50
	// maxShown is how many concerts the state shows.
	maxShown = 20
)

// Concert is a concert that the crowd buys from.
type Concert struct {
	ID        int64  `json:"id"`
	Title     string `json:"title"`
	Capacity  int64  `json:"capacity"`
	Available int64  `json:"available"`
}

// offer is what all users together know of the stock, so that they do not sell
// a concert out by many purchases at once.
type offer struct {
	mu       sync.Mutex
	concerts map[int64]*stock
}

// stock is one concert as it was last listed, less what the crowd has bought
// since.
type stock struct {
	sale.Concert

	// ordered is the number of tickets in purchases under way.
	ordered int64
}

// open reports whether the crowd may make any purchase at all without touching
// the reserve.
func (s *stock) open() bool {
	return s.Available()-s.ordered-maxTickets >= max(s.Capacity/reserveShare, minReserve)
}

func newOffer() *offer { return &offer{concerts: make(map[int64]*stock)} }

// list takes over a list of all concerts, and returns the ids of those that the
// crowd may buy from.
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

// add adds a concert that was opened.
func (o *offer) add(c sale.Concert) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.concerts[c.ID] = &stock{Concert: c}
}

// take picks one of the concerts at random and puts tickets of it aside until
// settle is called. It returns false if none is open any more.
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

// settle ends a purchase that take began.
func (o *offer) settle(id int64, quantity int, sold bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.concerts[id]
	if s == nil {
		return // a list came without the concert: it is gone
	}
	s.ordered -= int64(quantity)
	if sold {
		s.Sold += int64(quantity)
	}
}

// open returns how many concerts the crowd may buy from.
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

// newest returns the concerts that the crowd buys from, the newest first.
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
