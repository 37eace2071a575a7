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

// watched is a log that closes a channel at the first line with a given text.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	ok   chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.want != "" && strings.Contains(string(p), w.want) {
		w.want = ""
		close(w.ok)
	}
	return len(p), nil
}

// migrating opens a store with the given migrations. The channel is closed when the
// text appears in the log.
func migrating(t *testing.T, path string, files fs.FS, text string) (store *sqlite.Store, logged chan struct{}) {
	t.Helper()
	log := &watched{want: text, ok: make(chan struct{})}
	store = open(t, path, sqlite.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	store.SetMigrations(files, 10*time.Millisecond)
	return store, log.ok
}

// TestMigrationEndsWithItsContext cancels a migration that would never end, while
// another process waits for it and a third gives up waiting.
func TestMigrationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "onsale.db")
	slow, slowLogged := migrating(t, path, steps(`CREATE TABLE left_behind (n INTEGER); `+endless), "migration is running")
	next, nextLogged := migrating(t, path, steps(`CREATE TABLE made (n INTEGER)`), "waiting for another process")
	third, thirdLogged := migrating(t, path, steps(`CREATE TABLE made (n INTEGER)`), "waiting for another process")

	migrate := func(store *sqlite.Store) (stop func(), done chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		done = make(chan error, 1)
		go func() { done <- store.Migrate(ctx) }()
		return cancel, done
	}
	stopSlow, slowDone := migrate(slow)
	<-slowLogged
	_, nextDone := migrate(next)
	stopThird, thirdDone := migrate(third)
	<-nextLogged
	<-thirdLogged
	stopThird()
	if err := <-thirdDone; !errors.Is(err, context.Canceled) {
		t.Errorf("the process that gave up waiting: %v, want it cancelled", err)
	}
	stopSlow()
	if err := <-slowDone; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled process: %v, want it cancelled", err)
	}
	if err := <-nextDone; err != nil {
		t.Errorf("the process that waited: %v", err)
	}
	db := raw(t, path)
	exec(t, db, `INSERT INTO made VALUES (1)`)
	if _, err := db.ExecContext(t.Context(), `INSERT INTO left_behind VALUES (1)`); err == nil {
		t.Error("the cancelled migration left its table behind")
	}
}

// TestMigrationThatCannotSucceed expects a permanent error, and that nothing is left
// behind.
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
					t.Errorf("%v is %q, want a permanent error, which is not retried", err, passing)
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
