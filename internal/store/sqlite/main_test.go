package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"onsale/internal/sale"
	"onsale/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a store that is closed at the end of the test.
func open(tb testing.TB, path string, o sqlite.Options) *sqlite.Store {
	tb.Helper()
	store, err := sqlite.Open(tb.Context(), path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Errorf("close store: %v", err)
		}
	})
	return store
}

// migrated opens a store with a schema on a new file, and returns the file's path too.
func migrated(tb testing.TB, o sqlite.Options) (store *sqlite.Store, path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "onsale.db")
	store = open(tb, path, o)
	if err := store.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return store, path
}

// raw opens the file without the store, until the end of the test.
func raw(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close raw database: %v", err)
		}
	})
	return db
}

// exec runs a statement on a raw database.
func exec(tb testing.TB, db *sql.DB, statement string) {
	tb.Helper()
	if _, err := db.ExecContext(tb.Context(), statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// concert creates a concert and returns its id.
func concert(tb testing.TB, store *sqlite.Store, capacity int64) int64 {
	tb.Helper()
	c, err := store.CreateConcert(tb.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: capacity})
	if err != nil {
		tb.Fatal(err)
	}
	return c.ID
}

// orders returns n new orders of one ticket each.
func orders(tb testing.TB, concert int64, n int) []sale.Order {
	tb.Helper()
	list := make([]sale.Order, n)
	for i := range list {
		id, err := sale.NewID()
		if err != nil {
			tb.Fatal(err)
		}
		list[i] = sale.Order{ID: id, ConcertID: concert, Email: "testuser_1234@example.com", Quantity: 1}
	}
	return list
}

// counted fails the test unless the concert has sold want tickets and the ledger
// balances.
func counted(tb testing.TB, store *sqlite.Store, concert, want int64) {
	tb.Helper()
	c, err := store.Concert(tb.Context(), concert)
	if err != nil {
		tb.Fatal(err)
	}
	if c.Sold != want {
		tb.Errorf("sold %d, want %d", c.Sold, want)
	}
	books, err := store.Books(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if d := books.Difference(); d != 0 {
		tb.Errorf("the books differ by %d tickets", d)
	}
}
