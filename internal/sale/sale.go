// Package sale has the rules of the sale and the engine that applies them.
//
// An [Order] requests tickets of one concert. The [Seller] collects waiting orders into
// batches. A [Ledger] decides the orders of a batch with [Decide] and writes the batch in
// one transaction. Each order gets an [Outcome]. An error means that nothing was written,
// except for [ErrOutcomeUnknown].
//
// The package does not depend on HTTP or SQL.
package sale

import (
	"time"

	"github.com/google/uuid"
)

// Concert is one concert and the state of its stock.
type Concert struct {
	ID    int64
	Title string
	// Date is any text from the organiser; it is stored and returned unchanged.
	Date  string
	Venue string
	// Capacity is the total number of tickets, 1 to [MaxCapacity].
	Capacity int64
	// Sold is the number of tickets sold and not refunded, 0 to Capacity.
	Sold      int64
	CreatedAt time.Time
}

// Available returns how many tickets are left.
func (c Concert) Available() int64 { return c.Capacity - c.Sold }

// NewConcert describes a concert to put on sale.
type NewConcert struct {
	Title    string
	Date     string
	Venue    string
	Capacity int64
}

// Order requests Quantity tickets of one concert.
type Order struct {
	// ID identifies the order before it is written: an unguessable UUIDv7 from
	// [NewID]. An order that is written twice under the same ID is one purchase.
	ID        uuid.UUID
	ConcertID int64
	Email     string
	Quantity  int
	// Key is the Idempotency-Key, the buyer's own name for the order; empty for none.
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
	// RefundedAt is when the purchase was refunded; zero if it was not.
	RefundedAt time.Time
}

// Live reports whether the purchase was not refunded.
func (p Purchase) Live() bool { return p.RefundedAt.IsZero() }

// Status is the kind of an [Outcome].
type Status uint8

// The statuses of an [Outcome].
const (
	// Sold: the order was sold; Purchase is the receipt.
	Sold Status = iota + 1
	// Replayed: the same order was sold before under the same Key; Purchase is the
	// first receipt.
	Replayed
	// SoldOut: fewer than Quantity tickets are left; Left is their number.
	SoldOut
	// NotFound: no such concert.
	NotFound
	// KeyReused: a different order was sold before under the same Key.
	KeyReused
)

// String returns the status in lower case with underscores.
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

// Outcome is the result of one order.
type Outcome struct {
	Status Status
	// Purchase is the receipt of an order that is Sold or Replayed.
	Purchase Purchase
	// Left is the number of tickets left, if the order is SoldOut.
	Left int64
}

// Books compares each concert's counter of tickets sold with its purchases. All numbers
// come from one snapshot of the database.
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

// Difference returns the difference between the counter and the purchases, or the number
// of tickets sold over the capacity if that is larger. It is never negative; 0 means that
// the line balances.
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
