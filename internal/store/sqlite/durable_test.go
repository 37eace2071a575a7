package sqlite_test

import (
	"testing"

	"onsale/internal/sale"
	"onsale/internal/store/sqlite"
)

// synchronousFull is the value of PRAGMA synchronous that flushes every commit to disk
// before it returns. With 1, NORMAL, the write-ahead log is flushed only at a
// checkpoint, and a power cut can lose acknowledged purchases.
const synchronousFull = "2"

// TestCommitsReachTheDisk reads the settings of the writing connection back, at every
// point where it can be a new connection.
func TestCommitsReachTheDisk(t *testing.T) {
	t.Parallel()
	store, path := migrated(t, sqlite.Options{})
	durable := func(store *sqlite.Store, when string) {
		t.Helper()
		for pragma, want := range map[string]string{"synchronous": synchronousFull, "journal_mode": "wal"} {
			if got, err := store.WriterPragma(t.Context(), pragma); err != nil || got != want {
				t.Errorf("%s: %s is %q, %v, want %q", when, pragma, got, err, want)
			}
		}
	}
	durable(store, "after the migration")
	sellable(t, store, sale.Batch{Orders: orders(t, concert(t, store, 10), 2)})
	durable(store, "after a sale")
	if err := store.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	sellable(t, store, sale.Batch{Orders: orders(t, concert(t, store, 10), 2)})
	durable(store, "on a new connection")
	durable(open(t, path, sqlite.Options{}), "of another process")
}
