package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

// Statements of a batch. Lists are passed as JSON, so that one prepared statement works
// for lists of any length.
const (
	findConcerts = `SELECT id, capacity, sold FROM concerts WHERE id IN (SELECT value FROM json_each(?))`
	findIDs      = `SELECT ` + purchaseColumns + ` FROM purchases WHERE id IN (SELECT value FROM json_each(?))`
	findKeys     = `SELECT ` + purchaseColumns + ` FROM purchases WHERE idempotency_key IN (SELECT value FROM json_each(?))`
	addPurchase  = `INSERT INTO purchases (id, concert_id, user_email, quantity, idempotency_key, created_at)
		VALUES (?, ?, ?, ?, nullif(?, ''), ?)`
	addSold = `UPDATE concerts SET sold = sold + ? WHERE id = ?`
)

// Sell implements [sale.Ledger].
func (s *Store) Sell(ctx context.Context, b sale.Batch) ([]sale.Outcome, error) {
	if err := s.gate(ctx, "sell"); err != nil {
		return nil, err
	}
	var outcomes []sale.Outcome
	err := s.writer.transact(ctx, func(t *tx) error {
		records, err := t.records(b)
		if err != nil {
			return err
		}
		var sold []sale.Purchase
		outcomes, sold = sale.Decide(b.Orders, records, s.now())
		return t.add(sold)
	})
	if err != nil {
		return nil, wrap("sell", err)
	}
	return outcomes, nil
}

// records reads the concerts of the batch, and existing purchases with its ids and
// keys. The transaction holds the write lock, so they cannot change.
func (t *tx) records(b sale.Batch) (*sale.Records, error) {
	records := new(sale.Records)
	concerts, ids, keys := b.Names()
	stocks, err := find(t, toStock, findConcerts, concerts)
	if err != nil {
		return nil, fmt.Errorf("find concerts: %w", err)
	}
	for _, c := range stocks {
		records.AddConcert(c.id, c.capacity, c.sold)
	}
	byID, err := find(t, toPurchase, findIDs, ids)
	if err != nil {
		return nil, fmt.Errorf("find ids: %w", err)
	}
	byKey, err := find(t, toPurchase, findKeys, keys)
	if err != nil {
		return nil, fmt.Errorf("find keys: %w", err)
	}
	for _, p := range append(byID, byKey...) {
		records.AddPurchase(p)
	}
	return records, nil
}

// find reads the rows for a list of ids or keys.
func find[T any, N int64 | string | uuid.UUID](t *tx, scan scanner[T], query string, list []N) ([]T, error) {
	if len(list) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("encode list: %w", err)
	}
	return collect(t.ctx, t, scan, query, string(text))
}

// add inserts the purchases and adds their tickets to the counters.
func (t *tx) add(sold []sale.Purchase) error {
	if len(sold) == 0 {
		return nil
	}
	createdAt := formatTime(sold[0].CreatedAt) // the same for the whole batch
	for _, p := range sold {
		if _, err := t.exec(addPurchase, p.ID.String(), p.ConcertID, p.Email, p.Quantity, p.Key, createdAt); err != nil {
			return fmt.Errorf("insert purchase: %w", err)
		}
	}
	for id, tickets := range sale.Totals(sold) {
		if _, err := t.exec(addSold, tickets, id); err != nil {
			return fmt.Errorf("count tickets of concert %d: %w", id, err)
		}
	}
	return nil
}

// stock is the part of a concert that a batch needs.
type stock struct{ id, capacity, sold int64 }

func toStock(rows *sql.Rows) (c stock, err error) {
	err = rows.Scan(&c.id, &c.capacity, &c.sold)
	return c, err
}
