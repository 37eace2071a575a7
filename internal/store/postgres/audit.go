package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Keys of the advisory locks that all replicas use; the numbers are arbitrary.
const (
	migrationLock int64 = 0x6f6e73616c650001
	auditLock     int64 = 0x6f6e73616c650002
)

// AuditBooks implements [sale.Auditor].
func (s *Store) AuditBooks(ctx context.Context, maxAge time.Duration) (int64, time.Time, error) {
	conn, release, err := s.acquireLong(ctx)
	if err != nil {
		return 0, time.Time{}, classify(ctx, "audit books: connect", err)
	}
	defer release()
	var difference int64
	var checkedAt time.Time
	err = pgx.BeginTxFunc(ctx, conn, transaction(conn.Conn(), `BEGIN`), func(tx pgx.Tx) (err error) {
		difference, checkedAt, err = audit(ctx, tx, maxAge)
		return err
	})
	return difference, checkedAt.UTC(), classify(ctx, "audit books", withGrant(ctx, conn.Conn(), err))
}

// audit returns the last audit. If that is older than maxAge, and no other replica is
// making one, it makes a new one.
func audit(ctx context.Context, tx pgx.Tx, maxAge time.Duration) (difference int64, checkedAt time.Time, err error) {
	var fresh bool
	err = tx.QueryRow(ctx, `SELECT difference, checked_at, checked_at > now() - $1::interval FROM onsale.audits`, maxAge).
		Scan(&difference, &checkedAt, &fresh)
	first := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !first {
		return 0, time.Time{}, fmt.Errorf("read last audit: %w", err)
	}
	if fresh {
		return difference, checkedAt, nil
	}
	var mine bool
	if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1)`, auditLock).Scan(&mine); err != nil {
		return 0, time.Time{}, fmt.Errorf("lock audit: %w", err)
	}
	if !mine && !first {
		return difference, checkedAt, nil
	}
	books, err := readBooks(ctx, tx)
	if err != nil {
		return 0, time.Time{}, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO onsale.audits (id, checked_at, difference) VALUES (1, now(), $1)
		ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at, difference = excluded.difference
		RETURNING difference, checked_at`, books.Difference()).Scan(&difference, &checkedAt)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("write audit: %w", err)
	}
	return difference, checkedAt, nil
}
