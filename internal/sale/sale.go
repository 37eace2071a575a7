// Package sale holds the rules of the sale and the engine that applies them.
//
// An [Order] asks for tickets of one concert. The [Seller] gathers the orders
// that wait into batches, and a [Ledger] writes each batch in one transaction,
// deciding every order with [Decide]. What became of an order is a value, its
// [Outcome]; an error means that nothing was written, with the one exception
// of [ErrOutcomeUnknown].
//
// The package knows no HTTP and no SQL.
package sale

import (
	"time"

	"github.com/google/uuid"
)

// Concert is one concert and the state of its stock.
type Concert struct {
	ID    int64
	Title string
	// Date is whatever the organiser wrote; it is kept and returned as it is.
	Date  string
	Venue string
	// Capacity is the number of tickets that may ever be sold, 1 to [MaxCapacity].
	Capacity int64
	// Sold is the number of tickets sold and not refunded, 0 to Capacity.
	Sold      int64
	CreatedAt time.Time
}

// Available returns how many tickets are left.
func (c Concert) Available() int64 { return c.Capacity - c.Sold }

// NewConcert is what an organiser says of a concert to be put on sale.
type NewConcert struct {
	Title    string
	Date     string
	Venue    string
	Capacity int64
}

// Order asks for Quantity tickets of one concert.
type Order struct {
	// ID names the order before it is written: an unguessable UUIDv7, given by
	// [Seller.Buy]. Written twice under the same ID it is one purchase.
	ID        uuid.UUID
	ConcertID int64
	Email     string
	Quantity  int
	// Key is the buyer's own name for the order, the Idempotency-Key; empty for none.
	Key string
}

// Purchase is an order that was sold.
type Purchase struct {
	ID        uuid.UUID
	ConcertID int64
	Email     string
	Quantity  int
	Key       string
	CreatedAt time.Time
	// RefundedAt is when the tickets went back; zero for a live purchase.
	RefundedAt time.Time
}

// Live reports whether the purchase still holds its tickets.
func (p Purchase) Live() bool { return p.RefundedAt.IsZero() }

// Status says what became of an order.
type Status uint8

// The statuses of an [Outcome].
const (
	// Sold: the tickets are the buyer's; Purchase is the receipt.
	Sold Status = iota + 1
	// Replayed: the order's Key has bought before; Purchase is the first receipt.
	Replayed
	// SoldOut: fewer than Quantity tickets are left; Left says how many.
	SoldOut
	// NotFound: there is no such concert.
	NotFound
	// KeyReused: the order's Key has bought something else before.
	KeyReused
)

// String returns the status as it stands in logs.
func (s Status) String() string {
	switch s {
	case Sold:
		return "sold"
	case Replayed:
		return "replayed"
	case SoldOut:
		return "sold_out"
	case NotFound:
		return "not_found"
	case KeyReused:
		return "key_reused"
	}
	return "unknown"
}

// Outcome is what became of one order.
type Outcome struct {
	Status Status
	// Purchase is the receipt of an order that is Sold or Replayed.
	Purchase Purchase
	// Left is the number of tickets left when the order was decided SoldOut.
	Left int64
}

// Books compares, concert by concert, the counter of tickets sold with the
// purchases that stand behind it, all read from one snapshot of the database.
type Books struct {
	Concerts []ConcertBooks
}

// ConcertBooks is one concert's line in the [Books]. All numbers are tickets.
type ConcertBooks struct {
	ConcertID int64
	Capacity  int64
	// Sold is the concert's counter.
	Sold int64
	// Purchased is the sum over the concert's live purchases.
	Purchased int64
}

// Difference returns by how many tickets the counter and the purchases
// disagree, or by how many the purchases exceed the capacity if that is more.
// It is never negative; 0 means that the line balances.
func (b ConcertBooks) Difference() int64 {
	return max(b.Sold-b.Purchased, b.Purchased-b.Sold, b.Purchased-b.Capacity)
}

// Difference returns the sum of the differences of all concerts, in tickets.
func (b Books) Difference() int64 {
	var sum int64
	for _, c := range b.Concerts {
		sum += c.Difference()
	}
	return sum
}
