package sale

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Errors of a [Ledger]. All but ErrOutcomeUnknown mean that nothing was written.
var (
	// ErrNotFound: no such concert or purchase.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the call collided with another writer (serialization failure,
	// deadlock, duplicate name, lock timeout). An immediate retry may succeed.
	ErrConflict = errors.New("conflict with another writer")
	// ErrUnavailable: the database is unreachable, does not answer, or does not
	// allow writes.
	ErrUnavailable = errors.New("database unavailable")
	// ErrRefused: the database rejected the data of at least one order.
	ErrRefused = errors.New("rejected by the database")
	// ErrOutcomeUnknown: COMMIT was sent, but no answer was received. A rerun of the
	// same batch returns its outcome.
	ErrOutcomeUnknown = errors.New("outcome unknown")
)

// Batch is a list of orders to be written in one transaction.
type Batch struct {
	// Orders are in order of arrival; each has an ID.
	Orders []Order
	// Rerun means that an earlier run may have written the orders, so their IDs must
	// be looked up. The IDs of a first run are new.
	Rerun bool
}

// Names returns what a ledger must look up to decide the batch: its concerts, without
// duplicates, the IDs if it is a rerun, and the keys.
func (b Batch) Names() (concerts []int64, ids []uuid.UUID, keys []string) {
	seen := make(map[int64]bool)
	for _, o := range b.Orders {
		if !seen[o.ConcertID] {
			seen[o.ConcertID] = true
			concerts = append(concerts, o.ConcertID)
		}
		if b.Rerun {
			ids = append(ids, o.ID)
		}
		if o.Key != "" {
			keys = append(keys, o.Key)
		}
	}
	return concerts, ids, keys
}

// Ledger keeps concerts and purchases. Implementations are safe for concurrent use, even
// by several processes on one database.
//
// Every method can return ErrUnavailable, and the context's error if it ended before
// anything was written. Errors are wrapped; test them with [errors.Is].
type Ledger interface {
	// CreateConcert puts a concert on sale.
	CreateConcert(ctx context.Context, c NewConcert) (Concert, error)
	// Concert returns one concert, or ErrNotFound.
	Concert(ctx context.Context, id int64) (Concert, error)
	// Concerts returns all concerts in order of id.
	Concerts(ctx context.Context) ([]Concert, error)

	// Sell decides the batch with [Decide] and writes the purchases, in one
	// transaction that locks the concerts. It returns one outcome for each order, in
	// the same order. If the context ends before COMMIT is sent, nothing is written;
	// if it ends later, Sell returns ErrOutcomeUnknown. Further errors: ErrConflict,
	// ErrRefused.
	Sell(ctx context.Context, b Batch) ([]Outcome, error)

	// Purchase returns one purchase, or ErrNotFound.
	Purchase(ctx context.Context, id uuid.UUID) (Purchase, error)
	// PurchaseByKey returns the purchase with an idempotency key, or ErrNotFound.
	PurchaseByKey(ctx context.Context, key string) (Purchase, error)
	// Purchases returns up to limit purchases in order of id, starting after the
	// given id; uuid.Nil starts at the first. If concertID is not 0, it returns only
	// purchases of that concert.
	Purchases(ctx context.Context, concertID int64, after uuid.UUID, limit int) ([]Purchase, error)
	// Refund puts a purchase's tickets back on sale and returns the purchase with
	// RefundedAt set. A second refund changes nothing. Errors: ErrNotFound,
	// ErrConflict, ErrOutcomeUnknown (retry it).
	Refund(ctx context.Context, id uuid.UUID) (Purchase, error)

	// Books compares counters and purchases in one snapshot.
	Books(ctx context.Context) (Books, error)
	// Ping checks that the database answers, with a query that needs no disk and no
	// lock.
	Ping(ctx context.Context) error
	// TryWrite returns nil if a purchase could be written now. It does the same as a
	// purchase, on the same connections, but leaves no data behind. It does not fail
	// only because a connection or a row is in use. If the database answers, the error
	// is an [*ObstacleError].
	TryWrite(ctx context.Context) error
}

// Auditor compares the books periodically, once for all replicas.
type Auditor interface {
	// AuditBooks returns the difference of the [Books], in tickets, and when they were
	// read. It returns the last result of any replica if that is younger than maxAge.
	// Otherwise one replica reads the books again, and the others continue to return
	// the last result.
	AuditBooks(ctx context.Context, maxAge time.Duration) (difference int64, checkedAt time.Time, err error)
}

// PoolStats counts a store's database connections.
type PoolStats struct {
	InUse int
	Idle  int
	// Max is the maximum number of connections.
	Max int
}
