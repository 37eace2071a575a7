package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/item"
	"onsale/internal/sale"
)

// CreateItem implements [item.Store].
func (s *Store) CreateItem(ctx context.Context, i item.Item) error {
	_, err := s.writeOne(ctx, "create item",
		`INSERT INTO onsale.items (id, user_id, created_at) VALUES ($1, $2, $3)`, i.ID, i.UserID, i.CreatedAt)
	return err
}

// DeleteItem implements [item.Store].
func (s *Store) DeleteItem(ctx context.Context, id, user string) error {
	const op = "delete item"
	if !isText(id) || !isText(user) {
		if err := s.gate(ctx, op); err != nil {
			return err
		}
		return fmt.Errorf("%s: %w", op, item.ErrNotFound)
	}
	done, err := s.writeOne(ctx, op, `DELETE FROM onsale.items WHERE id = $1 AND user_id = $2`, id, user)
	if err == nil && done.RowsAffected() == 0 {
		err = fmt.Errorf("%s: %w", op, item.ErrNotFound)
	}
	return err
}

// isText reports whether PostgreSQL can store s as text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// writeOne writes one row, found by its index, in a transaction of its own. It is
// limited to readLimit, so that a client gets its 503 within a second if the
// database is unreachable.
func (s *Store) writeOne(ctx context.Context, op, statement string, args ...any) (done pgconn.CommandTag, err error) {
	if err := s.gate(ctx, op); err != nil {
		return done, err
	}
	err = s.call(ctx, op, classifyCommit, func(ctx context.Context, conn *pgx.Conn) error {
		return query(ctx, conn, written(&done), statement, args...)
	})
	return done, err
}

// TokenKey implements [item.Store]. It does not pass the gate: simulated faults must
// not prevent a replica from starting.
func (s *Store) TokenKey(ctx context.Context, candidate []byte) ([]byte, error) {
	key, err := s.tokenKey(ctx)
	if !errors.Is(err, sale.ErrNotFound) {
		return key, err
	}
	err = s.call(ctx, "write token key", classify, func(ctx context.Context, conn *pgx.Conn) error {
		// The second of two replicas waits here until the first has committed, and
		// inserts nothing. It reads the first one's key with the next statement.
		var done pgconn.CommandTag
		return query(ctx, conn, written(&done), `INSERT INTO onsale.token_keys (id, key) VALUES (1, $1) ON CONFLICT DO NOTHING`, candidate)
	})
	if err != nil {
		return nil, err
	}
	return s.tokenKey(ctx)
}

func (s *Store) tokenKey(ctx context.Context) ([]byte, error) {
	return readOne(ctx, s, "read token key", pgx.RowTo[[]byte], `SELECT key FROM onsale.token_keys`)
}
