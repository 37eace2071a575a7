package scenario

import (
	"maps"
	"sync"
)

// maxConcerts is of how many concerts the tickets are counted apart. The
// tickets of further ones stand in the totals only.
const maxConcerts = 100_000

// Tally counts what the buyers of a scenario were told. It is safe for
// concurrent use.
type Tally struct {
	mu       sync.Mutex
	counts   Counts
	concerts map[int64]sold
}

// Counts are the sums of a [Tally].
type Counts struct {
	// Purchases and Tickets were told sold.
	Purchases int64 `json:"purchases"`
	Tickets   int64 `json:"tickets"`
	// Denied and SoldOut are purchases that were answered so.
	Denied  int64 `json:"denied"`
	SoldOut int64 `json:"sold_out"`
	// Unsure purchases, and UnsureTickets, were asked for and no answer says
	// whether they were sold: it was not seen, or the target did not know.
	Unsure        int64 `json:"unsure"`
	UnsureTickets int64 `json:"unsure_tickets"`
}

// sold is how many tickets of one concert were told sold, and may have been.
type sold struct{ told, unsure int64 }

func newTally() *Tally { return &Tally{concerts: map[int64]sold{}} }

// Counts returns the sums until now.
func (t *Tally) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// add counts what came of a purchase.
func (t *Tally) add(f result, concert int64, quantity int) {
	tickets := int64(quantity)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch f {
	case isSold:
		t.counts.Purchases++
		t.counts.Tickets += tickets
		t.line(concert, sold{told: tickets})
	case isUnsure:
		t.counts.Unsure++
		t.counts.UnsureTickets += tickets
		t.line(concert, sold{unsure: tickets})
	case isDenied:
		t.counts.Denied++
	case isSoldOut:
		t.counts.SoldOut++
	case isNotSold: // a failure, which statistics have
	}
}

func (t *Tally) line(concert int64, more sold) {
	have, ok := t.concerts[concert]
	if !ok && len(t.concerts) == maxConcerts {
		return
	}
	t.concerts[concert] = sold{have.told + more.told, have.unsure + more.unsure}
}

// byConcert returns a copy of what was counted for each concert.
func (t *Tally) byConcert() map[int64]sold {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.concerts)
}
