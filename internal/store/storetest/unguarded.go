package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"onsale/internal/sale"
)

// unguardedRounds is how often the negative control tries to oversell. One round is
// nearly always enough.
const unguardedRounds = 20

// unguardedRace is the negative control of [race]: the same rush oversells if it is
// decided as in the earlier service. Otherwise race would prove nothing.
func unguardedRace(w *world) {
	for range unguardedRounds {
		concert := w.concert(rushCapacity)
		for _, b := range rush(w.Context(), concert, []seller{unguarded{w.database.Raw}}, nil) {
			if b.err != nil {
				w.Fatal(b.err)
			}
		}
		books, err := w.Books(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		line := books.Concerts[len(books.Concerts)-1]
		if line.ConcertID != concert || line.Difference() == 0 {
			w.Fatalf("the books do not show purchases that were not counted: %+v", line)
		}
		if line.Purchased > line.Capacity {
			return // oversold, as expected
		}
	}
	w.Errorf("%d rushes without a guard did not oversell: this database does not run sales concurrently", unguardedRounds)
}

// unguarded sells one order by reading how much was sold and then inserting the
// purchase. Nothing prevents others from doing the same in between.
type unguarded struct{ db *sql.DB }

// Sell implements [seller] for a batch of one.
func (u unguarded) Sell(ctx context.Context, b sale.Batch) ([]sale.Outcome, error) {
	o := b.Orders[0]
	var left int64
	err := u.db.QueryRowContext(ctx, fmt.Sprintf(`SELECT capacity -
		(SELECT coalesce(sum(quantity), 0) FROM purchases WHERE concert_id = %[1]d AND refunded_at IS NULL)
		FROM concerts WHERE id = %[1]d`, o.ConcertID)).Scan(&left)
	if err != nil {
		return nil, fmt.Errorf("read tickets left: %w", err)
	}
	if int64(o.Quantity) > left {
		return []sale.Outcome{{Status: sale.SoldOut, Left: left}}, nil
	}
	_, err = u.db.ExecContext(ctx, fmt.Sprintf(`INSERT INTO purchases (id, concert_id, user_email, quantity, created_at)
		VALUES ('%s', %d, '%s', %d, '%s')`, o.ID, o.ConcertID, o.Email, o.Quantity, timestamp(time.Now())))
	if err != nil {
		return nil, fmt.Errorf("insert purchase: %w", err)
	}
	return []sale.Outcome{{Status: sale.Sold}}, nil
}

// timestamp formats a time so that every engine can read it.
func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }
