package sale

import (
	"time"

	"github.com/google/uuid"
)

// Records are the data that a ledger needs to decide a batch: the concerts, locked
// against other writers, and the purchases already written under an ID or a key of the
// batch. Decide updates them as it sells.
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

// AddPurchase records a purchase that was already written.
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

// Decide applies the rules of the sale to a batch, in order of arrival. It returns one
// outcome for each order, and the purchases that must be written. CreatedAt of all
// purchases is now.
//
// An order with a known ID was written by an earlier run of the same batch. An order
// with a known Key is a retry by the buyer if concert, e-mail and quantity are the same.
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
			r.AddPurchase(p) // a later order of this batch may have the same key
		}
		sold = append(sold, p)
		outcomes[i] = Outcome{Status: Sold, Purchase: p}
	}
	return outcomes, sold
}

// Totals returns the number of tickets of the purchases, by concert.
func Totals(purchases []Purchase) map[int64]int64 {
	totals := make(map[int64]int64)
	for _, p := range purchases {
		totals[p.ConcertID] += int64(p.Quantity)
	}
	return totals
}

// replay decides an order whose key has already bought p.
func replay(o Order, p Purchase) Outcome {
	if !p.Answers(o) {
		return Outcome{Status: KeyReused}
	}
	return Outcome{Status: Replayed, Purchase: p}
}

// Answers reports whether p and o have the same concert, e-mail and quantity.
func (p Purchase) Answers(o Order) bool {
	return p.ConcertID == o.ConcertID && p.Email == o.Email && p.Quantity == o.Quantity
}
