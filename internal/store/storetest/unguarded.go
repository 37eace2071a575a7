package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"onsale/internal/sale"
)

// unguardedRounds is how often the control tries to oversell. Once is nearly
// always enough.
const unguardedRounds = 20

// unguardedRace is the negative control of [race]: the same rush, decided as
// the earlier service did, sells more than there is. If it did not, race would
// prove nothing.
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
			w.Fatalf("the books hide that nobody counted: %+v", line)
		}
		if line.Purchased > line.Capacity {
			return // oversold, as it must be
		}
	}
	w.Errorf("%d rushes without a guard sold nothing too much: this database runs no two of them at once", unguardedRounds)
}

// unguarded sells one order by asking how much was sold and inserting the
// purchase, with nothing that keeps others from doing the same in between.
type unguarded struct{ db *sql.DB }

// Sell implements [seller] for a batch of one.
func (u unguarded) Sell(ctx context.Context, b sale.Batch) ([]sale.Outcome, error) {
	o := b.Orders[0]
	var left int64
	err := u.db.QueryRowContext(ctx, fmt.Sprintf(`SELECT capacity -
		(SELECT coalesce(sum(quantity), 0) FROM purchases WHERE concert_id = %[1]d AND refunded_at IS NULL)
		FROM concerts WHERE id = %[1]d`, o.ConcertID)).Scan(&left)
	if err != nil {
		return nil, fmt.Errorf("read what is left: %w", err)
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

// timestamp writes a time as every engine reads it.
func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }
