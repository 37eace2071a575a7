package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"onsale/internal/sale"
)

// Statements of a batch. The look-ups are statements of their own after the lock: at
// READ COMMITTED, a statement that waited for a row lock reads all other rows as they
// were before the wait.
const (
	begin = `BEGIN ISOLATION LEVEL READ COMMITTED`

	lockConcerts = `SELECT id, capacity, sold FROM onsale.concerts WHERE id = ANY($1) ORDER BY id FOR UPDATE`

	columns      = `id, concert_id, user_email, quantity, coalesce(idempotency_key, ''), created_at, refunded_at`
	findIDs      = `SELECT ` + columns + ` FROM onsale.purchases WHERE id = ANY($1)`
	findKeys     = `SELECT ` + columns + ` FROM onsale.purchases WHERE idempotency_key = ANY($1)`
	addPurchases = `INSERT INTO onsale.purchases (id, concert_id, user_email, quantity, idempotency_key, created_at)
		SELECT id, concert_id, email, quantity, nullif(key, ''), $6
		FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::integer[], $5::text[]) AS p(id, concert_id, email, quantity, key)`
	addSold = `UPDATE onsale.concerts SET sold = sold + tickets
		FROM unnest($1::bigint[], $2::bigint[]) AS d(id, tickets) WHERE concerts.id = d.id`
)

// rollbackLimit bounds the wait for a rollback. A connection that takes longer is
// closed, which also rolls back.
const rollbackLimit = time.Second

// Sell implements [sale.Ledger] in two round trips, however many orders and
// concerts the batch has: one locks and looks up, the other writes and commits.
func (s *Store) Sell(ctx context.Context, b sale.Batch) (outcomes []sale.Outcome, err error) {
	defer func() { s.trials.note(err) }()
	if err := s.gate(ctx, "sell"); err != nil {
		return nil, err
	}
	conn, err := s.selling.Acquire(ctx)
	if err != nil {
		return nil, classify(ctx, "sell: connect", err)
	}
	defer conn.Release() // closes a connection that is still in a transaction

	records, err := lock(ctx, conn.Conn(), b)
	if err != nil {
		rollback(ctx, conn.Conn())
		return nil, classify(ctx, "sell: lock", err)
	}
	outcomes, sold := sale.Decide(b.Orders, records, s.now())
	if len(sold) == 0 {
		rollback(ctx, conn.Conn())
		return outcomes, nil
	}
	if err := write(ctx, conn.Conn(), sold); err != nil {
		rollback(ctx, conn.Conn())
		return nil, classifyCommit(ctx, "sell: write", err)
	}
	return outcomes, nil
}

// lock begins the transaction, locks the concerts of the batch in order of id, and
// finds existing purchases with the batch's ids and keys.
func lock(ctx context.Context, conn *pgx.Conn, b sale.Batch) (*sale.Records, error) {
	records := new(sale.Records)
	concerts, ids, keys := b.Names()

	batch := newBatch(conn, begin)
	batch.Queue(lockConcerts, concerts).Query(func(rows pgx.Rows) error {
		var id, capacity, sold int64
		_, err := pgx.ForEachRow(rows, []any{&id, &capacity, &sold}, func() error {
			records.AddConcert(id, capacity, sold)
			return nil
		})
		return err
	})
	found := func(rows pgx.Rows) error {
		purchases, err := pgx.CollectRows(rows, toPurchase)
		for _, p := range purchases {
			records.AddPurchase(p)
		}
		return err
	}
	if len(ids) > 0 {
		batch.Queue(findIDs, pgUUIDs(ids)).Query(found)
	}
	if len(keys) > 0 {
		batch.Queue(findKeys, keys).Query(found)
	}
	return records, conn.SendBatch(ctx, batch).Close()
}

// write inserts the purchases, adds them to the counters, and commits. All statements
// are sent at once: after an error the server skips the rest.
func write(ctx context.Context, conn *pgx.Conn, sold []sale.Purchase) error {
	n := len(sold)
	ids, concerts, emails := make([]pgtype.UUID, n), make([]int64, n), make([]string, n)
	quantities, keys := make([]int32, n), make([]string, n)
	for i, p := range sold {
		ids[i], concerts[i], emails[i] = pgUUID(p.ID), p.ConcertID, p.Email
		quantities[i], keys[i] = int32(p.Quantity), p.Key //nolint:gosec // G115: at most a purchase's limit
	}
	var totalIDs, totals []int64
	for id, tickets := range sale.Totals(sold) {
		totalIDs, totals = append(totalIDs, id), append(totals, tickets)
	}

	var batch pgx.Batch
	batch.Queue(addPurchases, ids, concerts, emails, quantities, keys, sold[0].CreatedAt)
	batch.Queue(addSold, totalIDs, totals)
	batch.Queue(`COMMIT`)
	return conn.SendBatch(ctx, &batch).Close()
}

// pgUUID returns the id in a type that the driver can encode in every statement mode,
// also in lists.
func pgUUID(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

func pgUUIDs(ids []uuid.UUID) []pgtype.UUID {
	list := make([]pgtype.UUID, len(ids))
	for i, id := range ids {
		list[i] = pgUUID(id)
	}
	return list
}

// rollback ends a transaction, even if the context has ended.
func rollback(ctx context.Context, conn *pgx.Conn) {
	if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
	defer cancel()
	// A failure leaves the connection closed or in its transaction, and the
	// pool destroys it on release.
	_, _ = conn.Exec(ctx, `ROLLBACK`)
}

// toPurchase reads a row of columns.
func toPurchase(row pgx.CollectableRow) (sale.Purchase, error) {
	var p sale.Purchase
	var refunded *time.Time
	err := row.Scan(&p.ID, &p.ConcertID, &p.Email, &p.Quantity, &p.Key, &p.CreatedAt, &refunded)
	if err != nil {
		return p, fmt.Errorf("scan purchase: %w", err)
	}
	p.CreatedAt = p.CreatedAt.UTC()
	if refunded != nil {
		p.RefundedAt = refunded.UTC()
	}
	return p, nil
}
