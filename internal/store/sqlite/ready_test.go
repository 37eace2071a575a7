package sqlite_test

import (
	"errors"
	"strings"
	"testing"

	"onsale/internal/sale"
	"onsale/internal/store/sqlite"
)

// TestNotReadyWhileNothingCanBeSold removes something that purchases need, and restores
// it.
func TestNotReadyWhileNothingCanBeSold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ take, reason, give string }{
		"table renamed":  {`ALTER TABLE purchases RENAME TO gone`, "lacks a table", `ALTER TABLE gone RENAME TO purchases`},
		"column renamed": {`ALTER TABLE concerts RENAME COLUMN sold TO gone`, "lacks a table", `ALTER TABLE concerts RENAME COLUMN gone TO sold`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, path := migrated(t, sqlite.Options{})
			id := concert(t, store, 10)
			if err := store.TryWrite(t.Context()); err != nil {
				t.Fatal(err)
			}
			db := raw(t, path)
			exec(t, db, c.take)
			blocked(t, store.TryWrite(t.Context()), c.reason)
			_, err := store.Sell(t.Context(), sale.Batch{Orders: orders(t, id, 1)})
			blocked(t, err, c.reason)
			exec(t, db, c.give)
			if err := store.TryWrite(t.Context()); err != nil {
				t.Error(err)
			}
			sellable(t, store, sale.Batch{Orders: orders(t, id, 1)})
		})
	}
}

// blocked fails the test unless err is an obstacle with the reason.
func blocked(t *testing.T, err error, reason string) {
	t.Helper()
	obstacle, ok := errors.AsType[*sale.ObstacleError](err)
	if !ok || !errors.Is(err, sale.ErrUnavailable) || !strings.Contains(obstacle.Reason, reason) {
		t.Errorf("%v, want it unavailable because it %s", err, reason)
	}
}

// TestConnectionThatOnlyReads expects a read-only connection to be replaced, because
// the file can be writable again.
func TestConnectionThatOnlyReads(t *testing.T) {
	t.Parallel()
	store, _ := migrated(t, sqlite.Options{})
	id := concert(t, store, 10)
	if err := store.Tamper(t.Context(), `PRAGMA query_only = 1`); err != nil {
		t.Fatal(err)
	}
	blocked(t, store.TryWrite(t.Context()), "read-only")
	if err := store.TryWrite(t.Context()); err != nil {
		t.Errorf("on another connection: %v", err)
	}
	sellable(t, store, sale.Batch{Orders: orders(t, id, 1)})
}

// TestAnotherProcessWrites locks the file, which is not an obstacle.
func TestAnotherProcessWrites(t *testing.T) {
	t.Parallel()
	store, path := migrated(t, sqlite.Options{})
	conn, err := raw(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	if err := store.TryWrite(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := conn.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
}
