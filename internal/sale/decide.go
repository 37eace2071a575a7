package sale

import (
	"time"

	"github.com/google/uuid"
)

// Records is what a ledger knows when it decides a batch: the concerts, locked
// against other writers, and the purchases that were already written under an
// id or a key of the batch. Decide changes it as it sells.
type Records struct {
	stock map[int64]*stock
	byID  map[uuid.UUID]Purchase
	byKey map[string]Purchase
}

// stock is the state of one locked concert, in tickets.
type stock struct {
	capacity int64
	sold     int64
}

// AddConcert records a concert that was locked for the batch.
func (r *Records) AddConcert(id, capacity, sold int64) {
	if r.stock == nil {
		r.stock = make(map[int64]*stock)
	}
	r.stock[id] = &stock{capacity: capacity, sold: sold}
}

// AddPurchase records a purchase that is already written.
func (r *Records) AddPurchase(p Purchase) {
	if r.byID == nil {
		r.byID = make(map[uuid.UUID]Purchase)
	}
	r.byID[p.ID] = p
	if p.Key == "" {
		return
	}
	if r.byKey == nil {
		r.byKey = make(map[string]Purchase)
	}
	r.byKey[p.Key] = p
}

// Decide applies the rules of the sale to a batch, in order of arrival, and
// returns one outcome for each order and the purchases that must be written to
// make them true. All purchases carry the time now.
//
// An order whose ID is known was written by an earlier run of the same batch.
// A known Key is a buyer's repetition if it asks for the same thing.
func Decide(orders []Order, r *Records, now time.Time) ([]Outcome, []Purchase) {
	outcomes := make([]Outcome, len(orders))
	sold := make([]Purchase, 0, len(orders))
	for i, o := range orders {
		if p, ok := r.byID[o.ID]; ok {
			outcomes[i] = Outcome{Status: Sold, Purchase: p}
			continue
		}
		if p, ok := r.byKey[o.Key]; ok && o.Key != "" {
			outcomes[i] = replay(o, p)
			continue
		}
		concert, ok := r.stock[o.ConcertID]
		if !ok {
			outcomes[i] = Outcome{Status: NotFound}
			continue
		}
		if left := concert.capacity - concert.sold; int64(o.Quantity) > left {
			outcomes[i] = Outcome{Status: SoldOut, Left: left}
			continue
		}
		concert.sold += int64(o.Quantity)
		p := Purchase{
			ID: o.ID, ConcertID: o.ConcertID, Email: o.Email,
			Quantity: o.Quantity, Key: o.Key, CreatedAt: now,
		}
		if o.Key != "" {
			r.AddPurchase(p) // the same key may come again in this batch
		}
		sold = append(sold, p)
		outcomes[i] = Outcome{Status: Sold, Purchase: p}
	}
	return outcomes, sold
}

// Totals returns how many tickets the purchases take, by concert.
func Totals(purchases []Purchase) map[int64]int64 {
	totals := make(map[int64]int64)
	for _, p := range purchases {
		totals[p.ConcertID] += int64(p.Quantity)
	}
	return totals
}

// replay decides an order whose key is known to have bought p.
func replay(o Order, p Purchase) Outcome {
	if !p.Answers(o) {
		return Outcome{Status: KeyReused}
	}
	return Outcome{Status: Replayed, Purchase: p}
}

// Answers reports whether p is what o asks for: the same concert, e-mail and
// quantity.
func (p Purchase) Answers(o Order) bool {
	return p.ConcertID == o.ConcertID && p.Email == o.Email && p.Quantity == o.Quantity
}
