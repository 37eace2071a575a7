package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

const concertColumns = `id, title, date, venue, capacity, sold, created_at`

// CreateConcert implements [sale.Ledger].
func (s *Store) CreateConcert(ctx context.Context, c sale.NewConcert) (sale.Concert, error) {
	if err := s.gate(ctx, "create concert"); err != nil {
		return sale.Concert{}, err
	}
	conn, err := s.general.Acquire(ctx)
	if err != nil {
		return sale.Concert{}, classify(ctx, "create concert: connect", err)
	}
	defer conn.Release()
	var concert sale.Concert
	err = query(ctx, conn.Conn(), one(&concert, toConcert), `INSERT INTO onsale.concerts (title, date, venue, capacity, created_at)
		VALUES ($1, $2, $3, $4, $5) RETURNING `+concertColumns, c.Title, c.Date, c.Venue, c.Capacity, s.now())
	return concert, classifyCommit(ctx, "create concert", withGrant(ctx, conn.Conn(), err))
}

// Concert implements [sale.Ledger].
func (s *Store) Concert(ctx context.Context, id int64) (sale.Concert, error) {
	return queryOne(ctx, s, "read concert", toConcert,
		`SELECT `+concertColumns+` FROM onsale.concerts WHERE id = $1`, id)
}

// Concerts implements [sale.Ledger].
func (s *Store) Concerts(ctx context.Context) ([]sale.Concert, error) {
	return queryAll(ctx, s, "list concerts", toConcert,
		`SELECT `+concertColumns+` FROM onsale.concerts ORDER BY id`)
}

// Purchase implements [sale.Ledger].
func (s *Store) Purchase(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	return queryOne(ctx, s, "read purchase", toPurchase,
		`SELECT `+columns+` FROM onsale.purchases WHERE id = $1`, pgUUID(id))
}

// PurchaseByKey implements [sale.Ledger]. It does not pass the gate: a key that has
// bought is answered before any fault is injected.
func (s *Store) PurchaseByKey(ctx context.Context, key string) (sale.Purchase, error) {
	return readOne(ctx, s, "read purchase by key", toPurchase,
		`SELECT `+columns+` FROM onsale.purchases WHERE idempotency_key = $1`, key)
}

// Purchases implements [sale.Ledger].
func (s *Store) Purchases(ctx context.Context, concertID int64, after uuid.UUID, limit int) ([]sale.Purchase, error) {
	return queryAll(ctx, s, "list purchases", toPurchase,
		`SELECT `+columns+` FROM onsale.purchases
		WHERE id > $1 AND ($2::bigint = 0 OR concert_id = $2) ORDER BY id LIMIT $3`, pgUUID(after), concertID, limit)
}

// Refund implements [sale.Ledger]. It locks the purchase, so that the tickets go
// back only once. The UPDATE of the counter locks the concert: it waits for a sale
// that holds the row, and subtracts from the value that the sale wrote. This cannot
// deadlock. A sale that holds a concert only inserts new purchases and never waits
// for an existing one; a refund that holds a purchase waits for one concert.
func (s *Store) Refund(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	p, err := s.Purchase(ctx, id)
	if err != nil || !p.Live() {
		return p, err
	}
	conn, release, err := s.acquireLong(ctx)
	if err != nil {
		return sale.Purchase{}, classify(ctx, "refund: connect", err)
	}
	defer release()

	p, err = lockPurchase(ctx, conn.Conn(), id)
	if err != nil || !p.Live() {
		rollback(ctx, conn.Conn())
		return p, classify(ctx, "refund: lock", withGrant(ctx, conn.Conn(), err))
	}
	p.RefundedAt = s.now()
	var batch pgx.Batch
	batch.Queue(`UPDATE onsale.purchases SET refunded_at = $2 WHERE id = $1`, pgUUID(p.ID), p.RefundedAt)
	batch.Queue(`UPDATE onsale.concerts SET sold = sold - $2 WHERE id = $1`, p.ConcertID, p.Quantity)
	batch.Queue(`COMMIT`)
	if err := conn.Conn().SendBatch(ctx, &batch).Close(); err != nil {
		rollback(ctx, conn.Conn())
		return sale.Purchase{}, classifyCommit(ctx, "refund: write", withGrant(ctx, conn.Conn(), err))
	}
	return p, nil
}

// lockPurchase begins a transaction, locks the purchase in it, and returns the
// purchase's current state.
func lockPurchase(ctx context.Context, conn *pgx.Conn, id uuid.UUID) (p sale.Purchase, err error) {
	batch := newBatch(conn, begin)
	batch.Queue(`SELECT `+columns+` FROM onsale.purchases WHERE id = $1 FOR UPDATE`, pgUUID(id)).Query(one(&p, toPurchase))
	err = conn.SendBatch(ctx, batch).Close()
	return p, err
}

// booksQuery reads counters and purchases in one statement and therefore in one
// snapshot.
const booksQuery = `SELECT c.id, c.capacity, c.sold, coalesce(p.tickets, 0)
	FROM onsale.concerts c
	LEFT JOIN (SELECT concert_id, sum(quantity) AS tickets FROM onsale.purchases
		WHERE refunded_at IS NULL GROUP BY concert_id) p ON p.concert_id = c.id
	ORDER BY c.id`

// Books implements [sale.Ledger]. It reads every purchase and can take up to
// scanLimit.
func (s *Store) Books(ctx context.Context) (sale.Books, error) {
	if err := s.gate(ctx, "read books"); err != nil {
		return sale.Books{}, err
	}
	conn, release, err := s.acquireLong(ctx)
	if err != nil {
		return sale.Books{}, classify(ctx, "read books: connect", err)
	}
	defer release()
	var books sale.Books
	err = pgx.BeginTxFunc(ctx, conn, transaction(conn.Conn(), `BEGIN READ ONLY`), func(tx pgx.Tx) (err error) {
		books, err = readBooks(ctx, tx)
		return err
	})
	return books, classify(ctx, "read books", err)
}

// readBooks reads the books inside a transaction. It raises the transaction's
// statement timeout to scanLimit.
func readBooks(ctx context.Context, tx pgx.Tx) (sale.Books, error) {
	var books sale.Books
	if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, milliseconds(scanLimit)); err != nil {
		return books, fmt.Errorf("set statement timeout: %w", err)
	}
	rows, err := tx.Query(ctx, booksQuery)
	if err != nil {
		return books, fmt.Errorf("query books: %w", err)
	}
	books.Concerts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[sale.ConcertBooks])
	if err != nil {
		return books, fmt.Errorf("read books: %w", err)
	}
	return books, nil
}

// toConcert reads a row of concertColumns.
func toConcert(row pgx.CollectableRow) (sale.Concert, error) {
	var c sale.Concert
	err := row.Scan(&c.ID, &c.Title, &c.Date, &c.Venue, &c.Capacity, &c.Sold, &c.CreatedAt)
	c.CreatedAt = c.CreatedAt.In(time.UTC)
	return c, err
}
