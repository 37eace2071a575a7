package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

const (
	concertColumns  = `id, title, date, venue, capacity, sold, created_at`
	purchaseColumns = `id, concert_id, user_email, quantity, coalesce(idempotency_key, ''), created_at, coalesce(refunded_at, '')`
)

// CreateConcert implements [sale.Ledger].
func (s *Store) CreateConcert(ctx context.Context, c sale.NewConcert) (sale.Concert, error) {
	if err := s.gate(ctx, "create concert"); err != nil {
		return sale.Concert{}, err
	}
	concert := sale.Concert{Title: c.Title, Date: c.Date, Venue: c.Venue, Capacity: c.Capacity, CreatedAt: s.now()}
	err := s.writer.transact(ctx, func(t *tx) error {
		result, err := t.exec(`INSERT INTO concerts (title, date, venue, capacity, created_at) VALUES (?, ?, ?, ?, ?)`,
			c.Title, c.Date, c.Venue, c.Capacity, formatTime(concert.CreatedAt))
		if err != nil {
			return err
		}
		concert.ID, err = result.LastInsertId()
		return err
	})
	if err != nil {
		return sale.Concert{}, wrap("create concert", err)
	}
	return concert, nil
}

// Concert implements [sale.Ledger].
func (s *Store) Concert(ctx context.Context, id int64) (sale.Concert, error) {
	if err := s.gate(ctx, "read concert"); err != nil {
		return sale.Concert{}, err
	}
	concert, err := readOne(ctx, s.reader, toConcert, `SELECT `+concertColumns+` FROM concerts WHERE id = ?`, id)
	return concert, wrap("read concert", err)
}

// Concerts implements [sale.Ledger].
func (s *Store) Concerts(ctx context.Context) ([]sale.Concert, error) {
	if err := s.gate(ctx, "list concerts"); err != nil {
		return nil, err
	}
	concerts, err := readAll(ctx, s.reader, toConcert, `SELECT `+concertColumns+` FROM concerts ORDER BY id`)
	return concerts, wrap("list concerts", err)
}

const findPurchase = `SELECT ` + purchaseColumns + ` FROM purchases WHERE id = ?`

// Purchase implements [sale.Ledger].
func (s *Store) Purchase(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	if err := s.gate(ctx, "read purchase"); err != nil {
		return sale.Purchase{}, err
	}
	p, err := readOne(ctx, s.reader, toPurchase, findPurchase, id.String())
	return p, wrap("read purchase", err)
}

// PurchaseByKey implements [sale.Ledger]. It does not pass the gate: a key that has
// bought is answered before any fault is injected.
func (s *Store) PurchaseByKey(ctx context.Context, key string) (sale.Purchase, error) {
	p, err := readOne(ctx, s.reader, toPurchase, `SELECT `+purchaseColumns+` FROM purchases WHERE idempotency_key = ?`, key)
	return p, wrap("read purchase by key", err)
}

// Purchases implements [sale.Ledger]. For a single concert it scans the purchases of
// all concerts in order of id, because there is no index on the concert.
func (s *Store) Purchases(ctx context.Context, concertID int64, after uuid.UUID, limit int) ([]sale.Purchase, error) {
	if err := s.gate(ctx, "list purchases"); err != nil {
		return nil, err
	}
	purchases, err := readAll(ctx, s.reader, toPurchase, `SELECT `+purchaseColumns+` FROM purchases
		WHERE id > ?1 AND (?2 = 0 OR concert_id = ?2) ORDER BY id LIMIT ?3`,
		after.String(), concertID, max(limit, 0)) // to SQLite a negative limit means no limit
	return purchases, wrap("list purchases", err)
}

// Refund implements [sale.Ledger]. It waits for the writing connection only if the
// purchase is not refunded yet.
func (s *Store) Refund(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	p, err := s.Purchase(ctx, id)
	if err != nil || !p.Live() {
		return p, err
	}
	err = s.writer.transact(ctx, func(t *tx) (err error) {
		p, err = t.refund(id, s.now())
		return err
	})
	if err != nil {
		return sale.Purchase{}, wrap("refund", err)
	}
	return p, nil
}

// refund gives the tickets of a purchase back, unless they already went back.
func (t *tx) refund(id uuid.UUID, now time.Time) (sale.Purchase, error) {
	found, err := collect(t.ctx, t, toPurchase, findPurchase, id.String())
	if err != nil {
		return sale.Purchase{}, fmt.Errorf("find purchase: %w", err)
	}
	if len(found) == 0 {
		return sale.Purchase{}, sale.ErrNotFound
	}
	p := found[0]
	if !p.Live() {
		return p, nil
	}
	p.RefundedAt = now
	if _, err := t.exec(`UPDATE purchases SET refunded_at = ? WHERE id = ?`, formatTime(now), id.String()); err != nil {
		return sale.Purchase{}, fmt.Errorf("mark purchase: %w", err)
	}
	if _, err := t.exec(addSold, -p.Quantity, p.ConcertID); err != nil {
		return sale.Purchase{}, fmt.Errorf("give tickets back: %w", err)
	}
	return p, nil
}

// toConcert scans a row of concertColumns.
func toConcert(rows *sql.Rows) (c sale.Concert, err error) {
	var createdAt string
	if err := rows.Scan(&c.ID, &c.Title, &c.Date, &c.Venue, &c.Capacity, &c.Sold, &createdAt); err != nil {
		return sale.Concert{}, err
	}
	c.CreatedAt, err = parseTime(createdAt)
	return c, err
}

// toPurchase scans a row of purchaseColumns.
func toPurchase(rows *sql.Rows) (p sale.Purchase, err error) {
	var createdAt, refundedAt string
	if err := rows.Scan(&p.ID, &p.ConcertID, &p.Email, &p.Quantity, &p.Key, &createdAt, &refundedAt); err != nil {
		return sale.Purchase{}, err
	}
	if p.CreatedAt, err = parseTime(createdAt); err != nil {
		return sale.Purchase{}, err
	}
	p.RefundedAt, err = parseTime(refundedAt)
	return p, err
}
