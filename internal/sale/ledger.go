package sale

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Errors of a [Ledger]. All but ErrOutcomeUnknown mean that nothing was written.
var (
	// ErrNotFound: there is no such concert or purchase.
	ErrNotFound = errors.New("not found")
	// ErrConflict: another writer was in the way (serialization failure,
	// deadlock, duplicate name, lock not had in time). Run again, the call may
	// succeed at once.
	ErrConflict = errors.New("conflict with another writer")
	// ErrUnavailable: the database is away, or answers nobody.
	ErrUnavailable = errors.New("database unavailable")
	// ErrRefused: the database refused the data of at least one order.
	ErrRefused = errors.New("refused by the database")
	// ErrOutcomeUnknown: COMMIT was sent, and no answer came back. Running the
	// same batch again tells what became of it.
	ErrOutcomeUnknown = errors.New("outcome unknown")
)

// Batch is a list of orders to be written in one transaction.
type Batch struct {
	// Orders stand in order of arrival, each with an ID.
	Orders []Order
	// Rerun says that an earlier run may have written the orders, so that their
	// IDs must be looked up. A first run need not: its IDs are new.
	Rerun bool
}

// Names lists what a ledger must look up to decide the batch: its concerts,
// each once, the IDs if it is a rerun, and the keys.
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

// Ledger keeps concerts and purchases. Implementations are safe for concurrent
// use, also by several processes on one database.
//
// Every method may return ErrUnavailable, and the context's error when it ended
// before anything was written. Errors are wrapped; test them with [errors.Is].
type Ledger interface {
	// CreateConcert puts a concert on sale.
	CreateConcert(ctx context.Context, c NewConcert) (Concert, error)
	// Concert returns one concert, or ErrNotFound.
	Concert(ctx context.Context, id int64) (Concert, error)
	// Concerts returns all concerts in order of id.
	Concerts(ctx context.Context) ([]Concert, error)

	// Sell decides the batch with [Decide] and writes what was sold, in one
	// transaction that holds the concerts locked. It returns one outcome for
	// each order, in the same order. Errors: ErrConflict, ErrRefused,
	// ErrOutcomeUnknown. A done context stops it only before COMMIT is sent;
	// afterwards it stops the waiting, with ErrOutcomeUnknown.
	Sell(ctx context.Context, b Batch) ([]Outcome, error)

	// Purchase returns one purchase, or ErrNotFound.
	Purchase(ctx context.Context, id uuid.UUID) (Purchase, error)
	// PurchaseByKey returns the purchase that an idempotency key made, or ErrNotFound.
	PurchaseByKey(ctx context.Context, key string) (Purchase, error)
	// Purchases returns up to limit purchases in order of id, those after the
	// id given; uuid.Nil starts at the first. A concertID other than 0 returns
	// that concert's alone.
	Purchases(ctx context.Context, concertID int64, after uuid.UUID, limit int) ([]Purchase, error)
	// Refund gives a purchase's tickets back, once, and returns the purchase
	// with RefundedAt set. A second refund changes nothing. Errors: ErrNotFound,
	// ErrConflict, ErrOutcomeUnknown (repeat it).
	Refund(ctx context.Context, id uuid.UUID) (Purchase, error)

	// Books compares counters and purchases in one snapshot.
	Books(ctx context.Context) (Books, error)
	// Ping asks the database for a sign of life that needs no disk and no lock.
	Ping(ctx context.Context) error
	// TryWrite returns nil if a purchase could be written now. It does what a
	// purchase does, on the connections that sell, and leaves nothing behind. A
	// connection or a row in use is no reason against it. Error: an [*ObstacleError]
	// where the database answers.
	TryWrite(ctx context.Context) error
}

// Auditor compares the books from time to time, once for all replicas.
type Auditor interface {
	// AuditBooks returns the difference of the [Books], in tickets, and when it
	// was read. A result younger than maxAge is returned as it is, whichever
	// replica read it; otherwise one replica reads the books anew while the
	// others go on returning the last result.
	AuditBooks(ctx context.Context, maxAge time.Duration) (difference int64, checkedAt time.Time, err error)
}

// PoolStats counts a store's database connections.
type PoolStats struct {
	InUse int
	Idle  int
	// Max is how many connections the store may open.
	Max int
}
