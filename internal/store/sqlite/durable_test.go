package sqlite_test

import (
	"testing"

	"onsale/internal/sale"
	"onsale/internal/store/sqlite"
)

// synchronousFull is what PRAGMA synchronous says when every commit is flushed to
// the disk before it returns. With NORMAL, 1, the write-ahead log is flushed when
// it is merged, and a power cut takes purchases along that were acknowledged.
const synchronousFull = "2"

// TestCommitsReachTheDisk reads the settings back on the connection that writes,
// at every point where there may be a new one.
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
