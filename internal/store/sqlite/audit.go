package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"onsale/internal/sale"
)

// claimLimit is how long other replicas leave an audit to the one that claimed it.
// After that they assume that it crashed.
const claimLimit = 30 * time.Second

// Books implements [sale.Ledger]. It reads every purchase.
func (s *Store) Books(ctx context.Context) (sale.Books, error) {
	if err := s.gate(ctx, "read books"); err != nil {
		return sale.Books{}, err
	}
	books, err := s.readBooks(ctx)
	return books, wrap("read books", err)
}

// readBooks reads counters and purchases in one statement and therefore in one
// snapshot.
func (s *Store) readBooks(ctx context.Context) (sale.Books, error) {
	select {
	case s.scanning <- struct{}{}:
		defer func() { <-s.scanning }()
	case <-ctx.Done():
		return sale.Books{}, ctx.Err()
	}
	lines, err := readAll(ctx, s.reader, toBooks, `SELECT c.id, c.capacity, c.sold, coalesce(p.tickets, 0)
		FROM concerts c
		LEFT JOIN (SELECT concert_id, sum(quantity) AS tickets FROM purchases
			WHERE refunded_at IS NULL GROUP BY concert_id) p ON p.concert_id = c.id
		ORDER BY c.id`)
	return sale.Books{Concerts: lines}, err
}

func toBooks(rows *sql.Rows) (b sale.ConcertBooks, err error) {
	err = rows.Scan(&b.ConcertID, &b.Capacity, &b.Sold, &b.Purchased)
	return b, err
}

// audit is the result of an audit of the books. Its time is zero if there was none yet.
type audit struct {
	difference int64
	checkedAt  time.Time
}

// AuditBooks implements [sale.Auditor]. It does not pass the gate.
func (s *Store) AuditBooks(ctx context.Context, maxAge time.Duration) (int64, time.Time, error) {
	last, err := s.audit(ctx, maxAge)
	return last.difference, last.checkedAt, wrap("audit books", err)
}

func (s *Store) audit(ctx context.Context, maxAge time.Duration) (audit, error) {
	last, err := s.lastAudit(ctx)
	if err != nil {
		return audit{}, fmt.Errorf("read last audit: %w", err)
	}
	known := !last.checkedAt.IsZero()
	if known && s.now().Sub(last.checkedAt) < maxAge {
		return last, nil
	}
	mine, err := s.claimAudit(ctx, last)
	if err != nil {
		return audit{}, fmt.Errorf("claim audit: %w", err)
	}
	if !mine && known {
		return last, nil
	}
	next := audit{checkedAt: s.now()}
	books, err := s.readBooks(ctx)
	if err != nil {
		return audit{}, fmt.Errorf("read books: %w", err)
	}
	next.difference = books.Difference()
	if err := s.writeAudit(ctx, next); err != nil {
		return audit{}, fmt.Errorf("write audit: %w", err)
	}
	return next, nil
}

func (s *Store) lastAudit(ctx context.Context) (audit, error) {
	audits, err := readAll(ctx, s.reader, toAudit, `SELECT difference, coalesce(checked_at, '') FROM audits`)
	if err != nil || len(audits) == 0 {
		return audit{}, err
	}
	return audits[0], nil
}

func toAudit(rows *sql.Rows) (a audit, err error) {
	var checkedAt string
	if err := rows.Scan(&a.difference, &checkedAt); err != nil {
		return audit{}, err
	}
	a.checkedAt, err = parseTime(checkedAt)
	return a, err
}

// claimAudit claims the audit after last, and reports whether this replica got it.
func (s *Store) claimAudit(ctx context.Context, last audit) (mine bool, err error) {
	now := s.now()
	var seen any // time of the last audit, null if there was none
	if !last.checkedAt.IsZero() {
		seen = formatTime(last.checkedAt)
	}
	err = s.writer.transact(ctx, func(t *tx) error {
		result, err := t.exec(`INSERT INTO audits (id, claimed_at) VALUES (1, ?1)
			ON CONFLICT (id) DO UPDATE SET claimed_at = excluded.claimed_at
			WHERE checked_at IS ?2 AND (claimed_at IS NULL OR claimed_at < ?3)`,
			formatTime(now), seen, formatTime(now.Add(-claimLimit)))
		if err != nil {
			return err
		}
		changed, err := result.RowsAffected()
		mine = changed == 1
		return err
	})
	return mine, err
}

func (s *Store) writeAudit(ctx context.Context, a audit) error {
	return s.writer.transact(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE audits SET checked_at = ?, difference = ?, claimed_at = NULL`,
			formatTime(a.checkedAt), a.difference)
		return err
	})
}
