package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"onsale/internal/sale"
	"onsale/internal/store/sqlite"
)

func TestUnusualPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "100%25.db", "what?.db", "a#b.db", "a&_pragma=query_only(1).db", "東京.db", "+.db"} {
		path := filepath.Join(t.TempDir(), "dir "+name, name)
		store := open(t, path, sqlite.Options{})
		if err := store.Migrate(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, %v, want a database file at that path", name, info, err)
		}
	}
}

func TestOtherFilesAreRejected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if store, err := sqlite.Open(t.Context(), dir, sqlite.Options{}); err == nil {
		t.Errorf("a directory was opened as %v", store)
	}
	path := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(path, []byte("Dear Sir or Madam, this is not a database.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("a text file: %v, want it unavailable", err)
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(path, "onsale.db"), sqlite.Options{}); err == nil {
		t.Error("a file was accepted as the directory")
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(dir, "onsale.db"), sqlite.Options{MaxReaders: -1}); err == nil {
		t.Error("-1 readers were accepted")
	}
}

func TestManyOpenANewFileAtOnce(t *testing.T) {
	t.Parallel()
	// Without the retry, about one call in several thousand would fail.
	for round := range 25 {
		path := filepath.Join(t.TempDir(), "onsale.db")
		const handles = 20
		stores, errs := make([]*sqlite.Store, handles), make([]error, handles)
		var all sync.WaitGroup
		for i := range handles {
			all.Go(func() { stores[i], errs[i] = sqlite.Open(t.Context(), path, sqlite.Options{}) })
		}
		all.Wait()
		for i, store := range stores {
			if errs[i] != nil {
				t.Errorf("round %d, handle %d: %v", round, i, errs[i])
				continue
			}
			if err := store.Close(); err != nil {
				t.Errorf("round %d, handle %d: close: %v", round, i, err)
			}
		}
	}
}

func TestCloseLeavesOneWholeFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "onsale.db")
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := concert(t, store, 10)
	batch := sale.Batch{Orders: orders(t, id, 3)}
	if _, err := store.Sell(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second Close is not an error
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("files %v, %v, want only the database", entries, err)
	}
	for name, call := range map[string]func() error{
		"sell": func() error { _, err := store.Sell(t.Context(), batch); return err },
		"read": func() error { _, err := store.Concert(t.Context(), id); return err },
		"ping": func() error { return store.Ping(t.Context()) },
	} {
		if err := call(); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("%s after Close: %v, want it unavailable", name, err)
		}
	}
	counted(t, open(t, path, sqlite.Options{}), id, 3)
}

// TestScriptsReadTheTables checks the formats that scripts see in the sqlite3 shell.
func TestScriptsReadTheTables(t *testing.T) {
	t.Parallel()
	store, path := migrated(t, sqlite.Options{})
	batch := sale.Batch{Orders: orders(t, concert(t, store, 10), 1)}
	if _, err := store.Sell(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Refund(t.Context(), batch.Orders[0].ID); err != nil {
		t.Fatal(err)
	}
	var id, row string
	err := raw(t, path).QueryRowContext(t.Context(), `SELECT p.id, concert_id || ' ' || user_email || ' ' || quantity || ' ' ||
		(idempotency_key IS NULL) || ' ' || p.created_at || ' ' || refunded_at || ' ' ||
		title || ' ' || date || ' ' || venue || ' ' || capacity || ' ' || sold || ' ' || c.created_at
		FROM purchases p JOIN concerts c ON c.id = p.concert_id`).Scan(&id, &row)
	if err != nil {
		t.Fatal(err)
	}
	const at = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`
	want := regexp.MustCompile(fmt.Sprintf(`^1 testuser_1234@example\.com 1 1 %[1]s %[1]s T D V 10 0 %[1]s$`, at))
	if id != batch.Orders[0].ID.String() || !want.MatchString(row) {
		t.Errorf("row %s %s, want %s %s", id, row, batch.Orders[0].ID, want)
	}
}
