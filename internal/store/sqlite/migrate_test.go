package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"onsale/internal/sale"
	"onsale/internal/store/sqlite"
)

// endless runs until it is interrupted.
const endless = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n`

// steps returns migrations that run the statements.
func steps(statements ...string) fs.FS {
	files := fstest.MapFS{}
	for i, statement := range statements {
		files[fmt.Sprintf("migrations/%05d_step.sql", i+1)] = &fstest.MapFile{
			Data: []byte("-- +goose Up\n" + statement + ";\n-- +goose Down\nSELECT 1;\n"),
		}
	}
	return files
}

// heard is a log that says when it has a line with a text.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	ok   chan struct{}
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Write(p)
	if h.want != "" && strings.Contains(string(p), h.want) {
		h.want = ""
		close(h.ok)
	}
	return len(p), nil
}

// migrating opens a store with other migrations; heard is closed when its log
// has the text.
func migrating(t *testing.T, path string, files fs.FS, text string) (store *sqlite.Store, said chan struct{}) {
	t.Helper()
	log := &heard{want: text, ok: make(chan struct{})}
	store = open(t, path, sqlite.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	store.SetMigrations(files, 10*time.Millisecond)
	return store, log.ok
}

// TestMigrationEndsWithItsContext cancels a migration that would never end, while
// another process waits for it and a third gives up waiting.
func TestMigrationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "onsale.db")
	slow, slowSaid := migrating(t, path, steps(`CREATE TABLE left_behind (n INTEGER); `+endless), "migration is running")
	next, nextSaid := migrating(t, path, steps(`CREATE TABLE made (n INTEGER)`), "waits for another process")
	third, thirdSaid := migrating(t, path, steps(`CREATE TABLE made (n INTEGER)`), "waits for another process")

	migrate := func(store *sqlite.Store) (stop func(), done chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		done = make(chan error, 1)
		go func() { done <- store.Migrate(ctx) }()
		return cancel, done
	}
	stopSlow, slowDone := migrate(slow)
	<-slowSaid
	_, nextDone := migrate(next)
	stopThird, thirdDone := migrate(third)
	<-nextSaid
	<-thirdSaid
	stopThird()
	if err := <-thirdDone; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gave up waiting: %v, want it cancelled", err)
	}
	stopSlow()
	if err := <-slowDone; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled one: %v, want it cancelled", err)
	}
	if err := <-nextDone; err != nil {
		t.Errorf("the one that waited: %v", err)
	}
	db := raw(t, path)
	exec(t, db, `INSERT INTO made VALUES (1)`)
	if _, err := db.ExecContext(t.Context(), `INSERT INTO left_behind VALUES (1)`); err == nil {
		t.Error("the cancelled migration left its table behind")
	}
}

// TestMigrationThatCannotSucceed ends with an error that is not taken for a
// passing one, and leaves nothing behind.
func TestMigrationThatCannotSucceed(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"duplicates":         `INSERT INTO seats VALUES (1), (1); CREATE UNIQUE INDEX once ON seats (n)`,
		"a table is missing": `SELECT * FROM nowhere`,
		"not null":           `CREATE TABLE strict_seats (n INTEGER NOT NULL); INSERT INTO strict_seats VALUES (NULL)`,
		"bad syntax":         `SELEKT`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "onsale.db")
			store, _ := migrating(t, path, steps(`CREATE TABLE seats (n INTEGER)`, `CREATE TABLE left_behind (n INTEGER); `+statement), "")
			err := store.Migrate(t.Context())
			if err == nil || !strings.Contains(err.Error(), "00002_step.sql") {
				t.Fatalf("%v, want the migration named", err)
			}
			for _, passing := range []error{sale.ErrUnavailable, sale.ErrConflict, sale.ErrOutcomeUnknown} {
				if errors.Is(err, passing) {
					t.Errorf("%v is taken for %q, and would be tried for ever", err, passing)
				}
			}
			db := raw(t, path)
			exec(t, db, `INSERT INTO seats VALUES (1)`)
			if _, err := db.ExecContext(t.Context(), `INSERT INTO left_behind VALUES (1)`); err == nil {
				t.Error("the failed migration left its table behind")
			}
		})
	}
}
