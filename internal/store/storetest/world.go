package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

// rawConnections limits the connections that do not belong to a store. It is enough for
// a race.
const rawConnections = 8

// patience is how long a case retries a call that conflicts with other writers.
const patience = time.Minute

// world is the test of one case, with a database, a first handle on it, and the steps
// that the cases share.
type world struct {
	*testing.T
	Store
	database Database
}

// newWorld creates a database without a schema.
func newWorld(t *testing.T, engine Engine) *world {
	t.Helper()
	w := &world{T: t, database: engine(t)}
	w.database.Raw.SetMaxOpenConns(rawConnections)
	w.Store = w.open(nil)
	return w
}

// migrate gives the database its schema.
func (w *world) migrate() {
	w.Helper()
	if err := w.Migrate(w.Context()); err != nil {
		w.Fatalf("migrate: %v", err)
	}
}

// open opens another handle on the database, which is closed at the end of the test.
func (w *world) open(gate Gate) Store {
	w.Helper()
	s := w.database.Open(w.T, gate)
	w.Cleanup(func() {
		if err := s.Close(); err != nil {
			w.Errorf("close store: %v", err)
		}
	})
	return s
}

// concert creates a concert and returns its id.
func (w *world) concert(capacity int64) int64 {
	w.Helper()
	c, err := w.CreateConcert(w.Context(), sale.NewConcert{
		Title: "Storm", Date: "tomorrow at eight", Venue: "Arena", Capacity: capacity,
	})
	if err != nil {
		w.Fatalf("create concert: %v", err)
	}
	return c.ID
}

// sold returns a concert's counter of sold tickets.
func (w *world) sold(concert int64) int64 {
	w.Helper()
	c, err := w.Concert(w.Context(), concert)
	if err != nil {
		w.Fatalf("read concert: %v", err)
	}
	return c.Sold
}

// purchases returns all purchases, read in pages.
func (w *world) purchases() []sale.Purchase {
	w.Helper()
	const page, most = 50, 10_000
	var all []sale.Purchase
	for after := uuid.Nil; len(all) < most; after = all[len(all)-1].ID {
		some, err := w.Purchases(w.Context(), 0, after, page)
		if err != nil {
			w.Fatalf("list purchases: %v", err)
		}
		all = append(all, some...)
		if len(some) < page {
			return all
		}
	}
	w.Fatalf("the pages do not end after %d purchases", most)
	return nil
}

// balance fails the test unless the ledger balances.
func (w *world) balance() {
	w.Helper()
	books, err := w.Books(w.Context())
	if err != nil {
		w.Fatalf("read books: %v", err)
	}
	if d := books.Difference(); d != 0 {
		w.Errorf("the books differ by %d tickets: %+v", d, books.Concerts)
	}
}

// exec runs a statement without the store.
func (w *world) exec(format string, args ...any) {
	w.Helper()
	statement := fmt.Sprintf(format, args...)
	if _, err := w.database.Raw.ExecContext(w.Context(), statement); err != nil {
		w.Fatalf("%s: %v", statement, err)
	}
}

// order returns a new order.
func order(concert int64, quantity int) sale.Order {
	return keyed(concert, quantity, "")
}

// keyed returns a new order with a key.
func keyed(concert int64, quantity int, key string) sale.Order {
	id, err := sale.NewID()
	if err != nil {
		panic(err) // the system's random generator failed
	}
	return sale.Order{ID: id, ConcertID: concert, Email: "fan@example.com", Quantity: quantity, Key: key}
}

// sell sells the orders on the first handle, in one batch.
func (w *world) sell(orders ...sale.Order) []sale.Outcome {
	w.Helper()
	return w.sellOn(w, orders...)
}

// sellOn sells the orders on a handle, in one batch.
func (w *world) sellOn(s seller, orders ...sale.Order) []sale.Outcome {
	w.Helper()
	return w.runOn(s, sale.Batch{Orders: orders})
}

// runOn runs a batch on a handle, once.
func (w *world) runOn(s seller, b sale.Batch) []sale.Outcome {
	w.Helper()
	outcomes, err := s.Sell(w.Context(), b)
	if err != nil {
		w.Fatalf("sell: %v", err)
	}
	if len(outcomes) != len(b.Orders) {
		w.Fatalf("%d outcomes for %d orders", len(outcomes), len(b.Orders))
	}
	return outcomes
}

// seller is the part of a ledger that the races need.
type seller interface {
	Sell(ctx context.Context, b sale.Batch) ([]sale.Outcome, error)
}

// insist repeats the call while it conflicts with other writers, up to patience.
func insist(ctx context.Context, call func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := call()
		if !errors.Is(err, sale.ErrConflict) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("still in conflict after %s: %w", patience, err)
		}
	}
}

// insistSell sells one order, and reruns it after a conflict.
func insistSell(ctx context.Context, s seller, o sale.Order) (sale.Outcome, error) {
	b := sale.Batch{Orders: []sale.Order{o}}
	var outcomes []sale.Outcome
	err := insist(ctx, func() (err error) {
		outcomes, err = s.Sell(ctx, b)
		b.Rerun = true
		return err
	})
	if err != nil {
		return sale.Outcome{}, err
	}
	if len(outcomes) != 1 {
		return sale.Outcome{}, fmt.Errorf("%d outcomes for one order", len(outcomes))
	}
	return outcomes[0], nil
}

// insistRefund refunds a purchase, and retries after a conflict.
func insistRefund(ctx context.Context, s Store, id uuid.UUID) (p sale.Purchase, err error) {
	err = insist(ctx, func() error {
		p, err = s.Refund(ctx, id)
		return err
	})
	return p, err
}

// statuses returns the statuses of outcomes, for slices.Equal.
func statuses(outcomes []sale.Outcome) []sale.Status {
	list := make([]sale.Status, len(outcomes))
	for i, o := range outcomes {
		list[i] = o.Status
	}
	return list
}

// same reports whether two purchases are equal in every field. Times are compared as
// instants.
func same(a, b sale.Purchase) bool {
	if !a.CreatedAt.Equal(b.CreatedAt) || !a.RefundedAt.Equal(b.RefundedAt) {
		return false
	}
	a.CreatedAt, a.RefundedAt = b.CreatedAt, b.RefundedAt
	return a == b
}

// unknownConcertID is an id that no concert has.
const unknownConcertID = math.MaxInt64
