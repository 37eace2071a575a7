package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"onsale/internal/item"
	"onsale/internal/pgtest"
	"onsale/internal/sale"
	"onsale/internal/store/postgres"
)

// answerLimit is the promised second plus one for a busy machine.
const answerLimit = 2 * time.Second

// newItem migrates, and returns an item that is not stored yet.
func newItem(t *testing.T, store *postgres.Store) item.Item {
	t.Helper()
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	i, err := item.New("ada", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestLineCutInMidWrite cuts the connection while an item is written. The error says
// that the outcome is unknown, and a second attempt settles it.
func TestLineCutInMidWrite(t *testing.T) {
	t.Parallel()
	for name, arrives := range map[string]bool{"the write never arrives": false, "its answer is lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, through := newLine(t, server.Database(t))
			l.arrives = arrives
			store := open(t, through, postgres.Options{})
			i := newItem(t, store)
			for _, c := range []struct {
				word  string
				write func() error
				late  error // of the second attempt if the first one was written
			}{
				{"INSERT INTO onsale.items", func() error { return store.CreateItem(t.Context(), i) }, sale.ErrConflict},
				{"DELETE FROM onsale.items", func() error { return store.DeleteItem(t.Context(), i.ID, i.UserID) }, item.ErrNotFound},
			} {
				l.cutAt.Store(&c.word)
				if err := c.write(); !errors.Is(err, sale.ErrOutcomeUnknown) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("%s: %v, want the outcome unknown in one line", c.word, err)
				}
				if err := c.write(); err != nil && (!arrives || !errors.Is(err, c.late)) {
					t.Fatalf("%s, a second time: %v", c.word, err)
				}
				if err := c.write(); !errors.Is(err, c.late) {
					t.Errorf("%s, a third time: %v, want %v", c.word, err, c.late)
				}
			}
		})
	}
}

// TestItemsWithoutADatabase writes items while the server is stopped or frozen. Each
// call returns within a second, and none reports success.
func TestItemsWithoutADatabase(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	store := open(t, pg.Database(t), postgres.Options{})
	i := newItem(t, store)
	for _, away := range []struct {
		name       string
		take, give func() error
	}{
		{"stopped", func() error { return pg.Stop(pgtest.Fast) }, pg.Start},
		{"frozen", pg.Pause, pg.Continue},
	} {
		if err := away.take(); err != nil {
			t.Fatalf("%s: %v", away.name, err)
		}
		for name, call := range map[string]func() error{
			"create": func() error { return store.CreateItem(t.Context(), i) },
			"delete": func() error { return store.DeleteItem(t.Context(), i.ID, i.UserID) },
		} {
			start := time.Now()
			err := call()
			if !errors.Is(err, sale.ErrUnavailable) && !errors.Is(err, sale.ErrOutcomeUnknown) {
				t.Errorf("%s while %s: %v, want it unavailable or unknown", name, away.name, err)
			}
			if took := time.Since(start); took > answerLimit {
				t.Errorf("%s while %s took %s", name, away.name, took)
			}
		}
		if _, err := store.TokenKey(t.Context(), item.NewKey()); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("token key while %s: %v, want it unavailable", away.name, err)
		}
		if err := away.give(); err != nil {
			t.Fatalf("%s: %v", away.name, err)
		}
	}
}
