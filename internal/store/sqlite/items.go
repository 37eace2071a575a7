package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"onsale/internal/item"
	"onsale/internal/sale"
)

// CreateItem implements [item.Store].
func (s *Store) CreateItem(ctx context.Context, i item.Item) error {
	const op = "create item"
	if err := s.gate(ctx, op); err != nil {
		return err
	}
	return wrap(op, s.writer.transact(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO items (id, user_id, created_at) VALUES (?, ?, ?)`, i.ID, i.UserID, formatTime(i.CreatedAt))
		return err
	}))
}

// DeleteItem implements [item.Store].
func (s *Store) DeleteItem(ctx context.Context, id, user string) error {
	const op = "delete item"
	if err := s.gate(ctx, op); err != nil {
		return err
	}
	return wrap(op, s.writer.transact(ctx, func(t *tx) error {
		done, err := t.exec(`DELETE FROM items WHERE id = ? AND user_id = ?`, id, user)
		if err != nil {
			return err
		}
		deleted, err := done.RowsAffected()
		if err == nil && deleted == 0 {
			err = item.ErrNotFound // rolls back, which saves an fsync
		}
		return err
	}))
}

// TokenKey implements [item.Store]. It does not pass the gate: simulated faults must
// not prevent a process from starting.
func (s *Store) TokenKey(ctx context.Context, candidate []byte) ([]byte, error) {
	key, err := s.tokenKey(ctx)
	if !errors.Is(err, sale.ErrNotFound) {
		return key, wrap("read token key", err)
	}
	err = retry(ctx, func() error {
		return s.writer.transact(ctx, func(t *tx) error {
			_, err := t.exec(`INSERT INTO token_keys (id, key) VALUES (1, ?) ON CONFLICT DO NOTHING`, candidate)
			return err
		})
	})
	if err != nil {
		return nil, wrap("write token key", err)
	}
	key, err = s.tokenKey(ctx)
	return key, wrap("read token key", err)
}

func (s *Store) tokenKey(ctx context.Context) ([]byte, error) {
	return readOne(ctx, s.reader, toBytes, `SELECT key FROM token_keys`)
}

func toBytes(rows *sql.Rows) (b []byte, err error) {
	err = rows.Scan(&b)
	return b, err
}
