package scenario

import (
	"maps"
	"sync"
)

// maxConcerts limits the concerts whose tickets are counted separately. The
// tickets of others are only in the totals.
const maxConcerts = 100_000

// Tally counts the results of the purchases of a scenario. It is safe for
// concurrent use.
type Tally struct {
	mu       sync.Mutex
	counts   Counts
	concerts map[int64]sold
}

// Counts are the sums of a [Tally].
type Counts struct {
	// Purchases and Tickets were confirmed as sold.
	Purchases int64 `json:"purchases"`
	Tickets   int64 `json:"tickets"`
	// Denied and SoldOut are the purchases with these answers.
	Denied  int64 `json:"denied"`
	SoldOut int64 `json:"sold_out"`
	// Unsure is the number of purchases of unknown outcome, and UnsureTickets that of their tickets: there was
	// no answer, or the target does not know the outcome either.
	Unsure        int64 `json:"unsure"`
	UnsureTickets int64 `json:"unsure_tickets"`
}

// sold is how many tickets of one concert were confirmed as sold, and how many are of unknown outcome.
type sold struct{ told, unsure int64 }

func newTally() *Tally { return &Tally{concerts: map[int64]sold{}} }

// Counts returns the sums so far.
func (t *Tally) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// add counts the result of a purchase.
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
	case isNotSold: // the statistics count failures
	}
}

func (t *Tally) line(concert int64, more sold) {
	have, ok := t.concerts[concert]
	if !ok && len(t.concerts) == maxConcerts {
		return
	}
	t.concerts[concert] = sold{have.told + more.told, have.unsure + more.unsure}
}

// byConcert returns a copy of the counts for each concert.
func (t *Tally) byConcert() map[int64]sold {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.concerts)
}
