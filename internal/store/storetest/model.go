package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"onsale/internal/sale"
)

// agreesWithModel runs random batches, repetitions, refunds and poison orders on the
// store and on a model of it, and compares them after every step. A failure is reduced
// to a short sequence, and prints the seed that repeats it.
func agreesWithModel(w *world) {
	other := w.open(nil)
	rapid.Check(w.T, func(rt *rapid.T) {
		m := newModel(rt, w)
		stores := []Store{w, other}
		pick := func(rt *rapid.T) Store { return rapid.SampledFrom(stores).Draw(rt, "handle") }
		rt.Repeat(map[string]func(*rapid.T){
			"sell":        func(rt *rapid.T) { m.sell(rt, pick(rt), sale.Batch{Orders: m.orders(rt)}) },
			"run again":   func(rt *rapid.T) { m.runAgain(rt, pick(rt)) },
			"written id":  func(rt *rapid.T) { m.writtenID(rt, pick(rt)) },
			"refund":      func(rt *rapid.T) { m.refund(rt, pick(rt)) },
			"poison":      func(rt *rapid.T) { m.poison(rt, pick(rt)) },
			"look up key": func(rt *rapid.T) { m.lookUp(rt, pick(rt)) },
			"":            m.check,
		})
	})
}

// model implements the rules of the sale as simply as possible.
type model struct {
	w         *world
	prefix    string // of the model's keys: other models use the same database
	capacity  map[int64]int64
	concerts  []int64
	purchases []sale.Purchase
	batches   []sale.Batch
}

func newModel(rt *rapid.T, w *world) *model {
	m := &model{w: w, prefix: uuid.NewString(), capacity: make(map[int64]int64)}
	for range 2 {
		capacity := rapid.Int64Range(1, 12).Draw(rt, "capacity")
		id := w.concert(capacity)
		m.capacity[id] = capacity
		m.concerts = append(m.concerts, id)
	}
	return m
}

// orders draws a batch of new orders.
func (m *model) orders(rt *rapid.T) []sale.Order {
	concert := rapid.SampledFrom(append(slices.Clone(m.concerts), unknownConcertID))
	orders := make([]sale.Order, rapid.IntRange(0, 5).Draw(rt, "orders"))
	for i := range orders {
		o := order(concert.Draw(rt, "concert"), rapid.IntRange(1, 4).Draw(rt, "quantity"))
		o.Email = rapid.SampledFrom([]string{"a@example.com", "b@example.com"}).Draw(rt, "email")
		if key := rapid.IntRange(0, 6).Draw(rt, "key"); key > 0 {
			o.Key = fmt.Sprintf("%s-%d", m.prefix, key)
		}
		orders[i] = o
	}
	return orders
}

// sell runs a batch on the store and the model, and compares the outcomes or the error.
func (m *model) sell(rt *rapid.T, s Store, b sale.Batch) {
	want, after, wantErr := m.decide(b)
	got, err := s.Sell(m.w.Context(), b)
	if wantErr != nil {
		if !errors.Is(err, wantErr) {
			rt.Fatalf("%+v: %+v, %v, want %v", b, got, err, wantErr)
		}
		return
	}
	if err != nil || len(got) != len(want) {
		rt.Fatalf("%+v: %+v, %v, want %+v", b, got, err, want)
	}
	for i, o := range b.Orders {
		// The store decides the time of a new purchase.
		m.stamp(after, want, got[i].Purchase)
		if got[i].Status != want[i].Status || got[i].Left != want[i].Left || !same(got[i].Purchase, want[i].Purchase) {
			rt.Fatalf("order %d %+v: %+v, want %+v", i, o, got[i], want[i])
		}
	}
	m.purchases = after
	m.batches = append(m.batches, b)
}

// stamp sets the time of a new purchase to the time in the store's receipt.
func (*model) stamp(purchases []sale.Purchase, outcomes []sale.Outcome, receipt sale.Purchase) {
	for i := range purchases {
		if purchases[i].ID == receipt.ID && purchases[i].CreatedAt.IsZero() {
			purchases[i].CreatedAt = receipt.CreatedAt
		}
	}
	for i := range outcomes {
		if p := &outcomes[i].Purchase; p.ID == receipt.ID && p.CreatedAt.IsZero() {
			p.CreatedAt = receipt.CreatedAt
		}
	}
}

// decide returns the outcomes of a batch and the purchases after it, or the error that
// the store must return.
func (m *model) decide(b sale.Batch) ([]sale.Outcome, []sale.Purchase, error) {
	after := slices.Clone(m.purchases)
	var outcomes []sale.Outcome
	for _, o := range b.Orders {
		byID := slices.IndexFunc(m.purchases, func(p sale.Purchase) bool { return p.ID == o.ID })
		byKey := slices.IndexFunc(after, func(p sale.Purchase) bool { return o.Key != "" && p.Key == o.Key })
		left, known := m.left(after, o.ConcertID)
		switch {
		case b.Rerun && byID >= 0:
			outcomes = append(outcomes, sale.Outcome{Status: sale.Sold, Purchase: m.purchases[byID]})
		case byKey >= 0 && after[byKey].Answers(o):
			outcomes = append(outcomes, sale.Outcome{Status: sale.Replayed, Purchase: after[byKey]})
		case byKey >= 0:
			outcomes = append(outcomes, sale.Outcome{Status: sale.KeyReused})
		case !known:
			outcomes = append(outcomes, sale.Outcome{Status: sale.NotFound})
		case int64(o.Quantity) > left:
			outcomes = append(outcomes, sale.Outcome{Status: sale.SoldOut, Left: left})
		case o.Quantity < 1:
			return nil, nil, sale.ErrRefused
		case byID >= 0:
			return nil, nil, sale.ErrConflict
		default:
			p := sale.Purchase{ID: o.ID, ConcertID: o.ConcertID, Email: o.Email, Quantity: o.Quantity, Key: o.Key}
			after = append(after, p)
			outcomes = append(outcomes, sale.Outcome{Status: sale.Sold, Purchase: p})
		}
	}
	return outcomes, after, nil
}

// left returns how many tickets of a concert are left after the purchases.
func (m *model) left(purchases []sale.Purchase, concert int64) (left int64, known bool) {
	left, known = m.capacity[concert]
	for _, p := range purchases {
		if p.ConcertID == concert && p.Live() {
			left -= int64(p.Quantity)
		}
	}
	return left, known
}

// runAgain reruns an earlier batch, as after a COMMIT without an answer.
func (m *model) runAgain(rt *rapid.T, s Store) {
	if len(m.batches) == 0 {
		rt.Skip("no batch yet")
	}
	b := rapid.SampledFrom(m.batches).Draw(rt, "batch")
	b.Rerun = true
	m.sell(rt, s, b)
}

// writtenID sells a batch in which one order has the id of an older purchase.
func (m *model) writtenID(rt *rapid.T, s Store) {
	orders := m.orders(rt)
	if len(m.purchases) == 0 || len(orders) == 0 {
		rt.Skip("no purchase or no order yet")
	}
	for i := range orders {
		orders[i].Key = "" // with the purchase's key, the order would be a replay
	}
	orders[rapid.IntRange(0, len(orders)-1).Draw(rt, "place")].ID = m.draw(rt).ID
	m.sell(rt, s, sale.Batch{Orders: orders})
}

// poison sells a batch in which an order breaks a constraint.
func (m *model) poison(rt *rapid.T, s Store) {
	orders := append(m.orders(rt), order(m.concerts[0], rapid.IntRange(-3, 0).Draw(rt, "poison")))
	m.sell(rt, s, sale.Batch{Orders: orders})
}

// refund refunds a purchase, which can be refunded already.
func (m *model) refund(rt *rapid.T, s Store) {
	if len(m.purchases) == 0 {
		rt.Skip("no purchase yet")
	}
	want := m.draw(rt)
	got, err := s.Refund(m.w.Context(), want.ID)
	if err != nil {
		rt.Fatalf("refund %+v: %v", want, err)
	}
	if want.Live() {
		want.RefundedAt = got.RefundedAt
	}
	if got.Live() || !same(got, want) {
		rt.Fatalf("refunded %+v, want %+v", got, want)
	}
	i := slices.IndexFunc(m.purchases, func(p sale.Purchase) bool { return p.ID == want.ID })
	m.purchases[i] = want
}

// draw draws a purchase.
func (m *model) draw(rt *rapid.T) sale.Purchase {
	return m.purchases[rapid.IntRange(0, len(m.purchases)-1).Draw(rt, "purchase")]
}

// lookUp looks a key up in the store and the model, and compares the purchases.
func (m *model) lookUp(rt *rapid.T, s Store) {
	key := fmt.Sprintf("%s-%d", m.prefix, rapid.IntRange(1, 6).Draw(rt, "key"))
	got, err := s.PurchaseByKey(m.w.Context(), key)
	i := slices.IndexFunc(m.purchases, func(p sale.Purchase) bool { return p.Key == key })
	switch {
	case i < 0 && !errors.Is(err, sale.ErrNotFound):
		rt.Fatalf("key %s: %+v, %v, want not found", key, got, err)
	case i >= 0 && (err != nil || !same(got, m.purchases[i])):
		rt.Fatalf("key %s: %+v, %v, want %+v", key, got, err, m.purchases[i])
	}
}

// check compares counters and rows with the model. No concert is oversold, and every
// receipt has a row.
func (m *model) check(rt *rapid.T) {
	for _, id := range slices.Sorted(maps.Keys(m.capacity)) {
		left, _ := m.left(m.purchases, id)
		concert, err := m.w.Concert(m.w.Context(), id)
		if err != nil {
			rt.Fatalf("read concert: %v", err)
		}
		if concert.Available() != left || concert.Sold < 0 || concert.Sold > concert.Capacity {
			rt.Fatalf("concert %+v, want %d left", concert, left)
		}
		want := slices.DeleteFunc(slices.Clone(m.purchases), func(p sale.Purchase) bool { return p.ConcertID != id })
		slices.SortFunc(want, func(a, b sale.Purchase) int { return slices.Compare(a.ID[:], b.ID[:]) })
		got, err := m.w.Purchases(m.w.Context(), id, uuid.Nil, len(want)+1)
		if err != nil || !slices.EqualFunc(got, want, same) {
			rt.Fatalf("purchases %+v, %v, want %+v", got, err, want)
		}
	}
}
