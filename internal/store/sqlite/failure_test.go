package sqlite_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/store/sqlite"
)

// sellable sells the batch, and fails the test unless every order is sold.
func sellable(t *testing.T, store *sqlite.Store, b sale.Batch) {
	t.Helper()
	outcomes, err := store.Sell(t.Context(), b)
	if err != nil {
		t.Fatalf("the store does not recover: %v", err)
	}
	if slices.ContainsFunc(outcomes, func(o sale.Outcome) bool { return o.Status != sale.Sold }) {
		t.Errorf("outcomes %+v, want all sold", outcomes)
	}
}

func TestAnotherWriterIsAConflict(t *testing.T) {
	t.Parallel()
	store, path := migrated(t, sqlite.Options{})
	id := concert(t, store, 10)
	batch := sale.Batch{Orders: orders(t, id, 2)}

	other, err := raw(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }() // it has rolled back by then
	if _, err := other.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := store.Sell(t.Context(), batch); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("sell while another writes: %v, want a conflict", err)
	}
	if waited := time.Since(start); waited < 500*time.Millisecond || waited > 10*time.Second {
		t.Errorf("waited %s for the other, want a little under a second", waited)
	}
	if _, err := store.Concert(t.Context(), id); err != nil {
		t.Errorf("read while another writes: %v", err)
	}
	if _, err := other.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	sellable(t, store, batch)
	counted(t, store, id, 2)
}

func TestADiskThatCannotWriteIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, trouble := range []struct{ name, begin, end string }{
		{"full", `PRAGMA max_page_count = 1`, `PRAGMA max_page_count = 1000000`},
		{"read only", `PRAGMA query_only = 1`, `PRAGMA query_only = 0`},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()
			store, _ := migrated(t, sqlite.Options{})
			id := concert(t, store, 10_000)
			batch := sale.Batch{Orders: orders(t, id, 1000)} // more than fits on the allocated pages
			if err := store.Tamper(t.Context(), trouble.begin); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Sell(t.Context(), batch); !errors.Is(err, sale.ErrUnavailable) {
				t.Errorf("sell: %v, want it unavailable", err)
			}
			counted(t, store, id, 0)
			if err := store.Tamper(t.Context(), trouble.end); err != nil {
				t.Fatal(err)
			}
			sellable(t, store, batch)
			counted(t, store, id, 1000)
		})
	}
}

func TestAFailedCommitIsUnknown(t *testing.T) {
	t.Parallel()
	store, path := migrated(t, sqlite.Options{})
	id := concert(t, store, 10)
	batch := sale.Batch{Orders: orders(t, id, 2)}
	db := raw(t, path)
	// A foreign key that is checked at COMMIT and always violated.
	exec(t, db, `CREATE TABLE doom (id INTEGER REFERENCES concerts (id) DEFERRABLE INITIALLY DEFERRED)`)
	exec(t, db, `CREATE TRIGGER doomed AFTER INSERT ON purchases BEGIN INSERT INTO doom VALUES (-1); END`)
	if _, err := store.Sell(t.Context(), batch); !errors.Is(err, sale.ErrOutcomeUnknown) {
		t.Errorf("sell: %v, want the outcome unknown", err)
	}
	counted(t, store, id, 0)

	exec(t, db, `DROP TRIGGER doomed`)
	batch.Rerun = true
	sellable(t, store, batch)
	counted(t, store, id, 2)
}

func TestACommitThatHangsIsUnknown(t *testing.T) {
	t.Parallel()
	store, _ := migrated(t, sqlite.Options{})
	id := concert(t, store, 10)
	batch, next := sale.Batch{Orders: orders(t, id, 2)}, sale.Batch{Orders: orders(t, id, 3)}

	committing, disk := make(chan struct{}), make(chan struct{})
	if err := store.OnCommit(t.Context(), func() {
		close(committing)
		<-disk
	}); err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		<-committing
		giveUp()
	}()
	_, err := store.Sell(ctx, batch)
	if !errors.Is(err, sale.ErrOutcomeUnknown) || errors.Is(err, context.Canceled) {
		t.Errorf("sell: %v, want the outcome unknown, and not the context's error", err)
	}
	if got, want := store.Stats().InUse, 1; got != want {
		t.Errorf("%d connections in use, want %d: the commit goes on", got, want)
	}

	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := store.Sell(short, next); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sale.ErrOutcomeUnknown) {
		t.Errorf("the next batch: %v, want it to wait and to end with its context", err)
	}

	close(disk)
	if err := store.OnCommit(t.Context(), nil); err != nil { // waits for the commit
		t.Fatal(err)
	}
	counted(t, store, id, 2)
	batch.Rerun = true
	sellable(t, store, batch)
	sellable(t, store, next)
	counted(t, store, id, 5)
}

func TestAContextThatEndsBeforeTheCommitWritesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := false
	store, _ := migrated(t, sqlite.Options{Now: func() time.Time {
		if cancelled {
			cancel() // during the transaction
		}
		return time.Now()
	}})
	id := concert(t, store, 10)
	batch := sale.Batch{Orders: orders(t, id, 2)}
	cancelled = true
	if _, err := store.Sell(ctx, batch); !errors.Is(err, context.Canceled) || errors.Is(err, sale.ErrOutcomeUnknown) {
		t.Errorf("sell: %v, want it cancelled, and not the outcome unknown", err)
	}
	counted(t, store, id, 0)
	sellable(t, store, batch)
}

func TestAPanicReleasesTheConnection(t *testing.T) {
	t.Parallel()
	broken := false
	store, _ := migrated(t, sqlite.Options{Now: func() time.Time {
		if broken {
			panic("the clock is broken")
		}
		return time.Now()
	}})
	id := concert(t, store, 10)
	batch := sale.Batch{Orders: orders(t, id, 2)}
	broken = true
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = store.Sell(t.Context(), batch) // panics
	}()
	broken = false
	sellable(t, store, batch)
	counted(t, store, id, 2)
}

func TestConstraintsOfThisEngine(t *testing.T) {
	t.Parallel()
	store, path := migrated(t, sqlite.Options{})
	batch := sale.Batch{Orders: orders(t, concert(t, store, 10), 1)}
	sellable(t, store, batch)
	db := raw(t, path)
	for _, statement := range []string{
		`UPDATE purchases SET concert_id = 4711`,
		`DELETE FROM concerts`,
		`INSERT INTO schema_migrations (version_id, is_applied) VALUES (1, 1)`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("the database accepts %s", statement)
		}
	}
}

func TestStatsCountConnections(t *testing.T) {
	t.Parallel()
	store, _ := migrated(t, sqlite.Options{MaxReaders: 3})
	stats := store.Stats()
	if stats.Max != 4 || stats.InUse != 0 || stats.Idle < 1 || stats.Idle > stats.Max {
		t.Errorf("stats %+v, want 4 connections (3 readers and a writer), none in use", stats)
	}
}
