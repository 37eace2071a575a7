package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"onsale/internal/sale"
	"onsale/internal/store/postgres"
)

// logged is a log that tests can read.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

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

// migrating opens a store with the given migrations.
func migrating(t *testing.T, url string, files fs.FS) (*postgres.Store, *logged) {
	t.Helper()
	log := new(logged)
	store := open(t, url, postgres.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	store.SetMigrations(files, 50*time.Millisecond)
	return store, log
}

// eventually repeats the query until it returns true.
func eventually(t *testing.T, url, query string) {
	t.Helper()
	db := raw(t, url)
	for deadline := time.Now().Add(time.Minute); ; {
		var yes bool
		if err := db.QueryRowContext(t.Context(), query).Scan(&yes); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if yes {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not true after a minute: %s", query)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

const (
	sleeping = `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`
	awake    = `SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`
	// ofThisDatabase selects the locks that a session waits for.
	ofThisDatabase = `FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
)

// TestSlowMigration runs a migration for longer than a session's statement timeout,
// while the pools are renewed. The log reports that it is running.
func TestSlowMigration(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	store, log := migrating(t, url+"&statement_timeout=300ms&idle_in_transaction_session_timeout=300ms",
		steps(`CREATE TABLE onsale.first (n int)`, `SELECT pg_sleep(0.8); CREATE TABLE onsale.second (n int)`))
	done := make(chan error, 1)
	go func() { done <- store.Migrate(t.Context()) }()
	eventually(t, url, sleeping)
	renew(t, store)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := store.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	exec(t, url, `INSERT INTO second SELECT n FROM first`)
	for _, want := range []string{"migration started", "00002_step.sql", "migration is running", "migration applied"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log)
		}
	}
}

// TestMigrationEndsWithItsContext cancels a migration that would take a minute,
// while another process waits for it and a third gives up waiting.
func TestMigrationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	slow, slowLog := migrating(t, url, steps(`CREATE TABLE onsale.left_behind (n int); SELECT pg_sleep(60)`))
	next, nextLog := migrating(t, url, steps(`CREATE TABLE onsale.made (n int)`))
	third, _ := migrating(t, url, steps(`CREATE TABLE onsale.made (n int)`))

	migrate := func(store *postgres.Store) (stop func(), done chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		done = make(chan error, 1)
		go func() { done <- store.Migrate(ctx) }()
		return cancel, done
	}
	stopSlow, slowDone := migrate(slow)
	eventually(t, url, sleeping)
	_, nextDone := migrate(next)
	stopThird, thirdDone := migrate(third)
	eventually(t, url, `SELECT count(*) = 2 `+ofThisDatabase+` AND locktype = 'advisory'`)

	stopThird()
	if err := <-thirdDone; !errors.Is(err, context.Canceled) {
		t.Errorf("the process that gave up waiting: %v, want it cancelled", err)
	}
	stopSlow()
	if err := <-slowDone; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled process: %v, want it cancelled", err)
	}
	eventually(t, url, awake)
	if err := <-nextDone; err != nil {
		t.Errorf("the process that waited: %v", err)
	}
	exec(t, url, `INSERT INTO made VALUES (1)`)
	eventually(t, url, `SELECT to_regclass('onsale.left_behind') IS NULL`)
	if !strings.Contains(nextLog.String(), "waiting for another process to finish its migration") {
		t.Errorf("the log of the process that waited does not say so: %s", nextLog)
	}
	if !strings.Contains(slowLog.String(), "migration rolled back") {
		t.Errorf("the log does not say that the migration was rolled back: %s", slowLog)
	}
}

// TestMigrationDoesNotBlockBuyers migrates a table that another session reads for a
// long time. Buyers wait behind the migration no longer than its lock timeout.
func TestMigrationDoesNotBlockBuyers(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	store, log := migrating(t, url, steps(`CREATE TABLE onsale.seats (n int)`, `ALTER TABLE onsale.seats ADD COLUMN price int`))
	if err := open(t, url, postgres.Options{}).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, url, `CREATE TABLE seats (n int); DELETE FROM schema_migrations WHERE version_id > 1`)
	reader, err := raw(t, url).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.ExecContext(t.Context(), `SELECT * FROM seats`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- store.Migrate(t.Context()) }()
	const waits = ofThisDatabase + ` AND mode = 'AccessExclusiveLock'`
	eventually(t, url, `SELECT count(*) = 1 `+waits)
	eventually(t, url, `SELECT count(*) = 0 `+waits)
	select {
	case err := <-done:
		t.Errorf("the migration ended while its table was read: %v", err)
	default:
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	exec(t, url, `INSERT INTO seats (price) VALUES (1)`)
	if !strings.Contains(log.String(), "lock timeout") {
		t.Errorf("the log does not name the lock timeout: %s", log)
	}
}

// TestMigrationThatCannotSucceed expects a permanent error, and that nothing is left
// behind.
func TestMigrationThatCannotSucceed(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"duplicates":            `INSERT INTO onsale.seats VALUES (1), (1); CREATE UNIQUE INDEX ON onsale.seats (n)`,
		"a table is missing":    `SELECT * FROM onsale.nowhere`,
		"a schema is missing":   `CREATE TABLE nowhere.seats (n int)`,
		"cancelled by an admin": `SELECT pg_cancel_backend(pg_backend_pid()); SELECT pg_sleep(10)`,
		"not null":              `INSERT INTO onsale.seats VALUES (NULL); ALTER TABLE onsale.seats ALTER n SET NOT NULL`,
		"a division by zero":    `SELECT 1/0`,
		"bad syntax":            `SELEKT`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server.Database(t)
			store, _ := migrating(t, url, steps(`CREATE TABLE onsale.seats (n int)`, `CREATE TABLE onsale.left_behind (n int); `+statement))
			err := store.Migrate(t.Context())
			if err == nil || !strings.Contains(err.Error(), "00002_step.sql") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v, want the migration named in one line", err)
			}
			for _, passing := range []error{sale.ErrUnavailable, sale.ErrConflict, sale.ErrOutcomeUnknown} {
				if errors.Is(err, passing) {
					t.Errorf("%v is %q, want a permanent error, which is not retried", err, passing)
				}
			}
			eventually(t, url, `SELECT to_regclass('onsale.left_behind') IS NULL AND max(version_id) = 1 FROM onsale.schema_migrations`)
		})
	}
}

// TestMigrationLosesItsConnection ends the session during a migration. The error is
// ErrUnavailable, and the next attempt succeeds.
func TestMigrationLosesItsConnection(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	store, _ := migrating(t, url, steps(`CREATE TABLE onsale.seats (n int); SELECT pg_sleep(60)`))
	done := make(chan error, 1)
	go func() { done <- store.Migrate(t.Context()) }()
	eventually(t, url, sleeping)
	exec(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`)
	if err := <-done; !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("%v, want it unavailable", err)
	}
	store.SetMigrations(steps(`CREATE TABLE onsale.seats (n int)`), time.Hour)
	if err := store.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestMigrateAtOnceInSnapshots migrates with several replicas on a database whose
// default isolation level hides what other transactions commit meanwhile.
func TestMigrateAtOnceInSnapshots(t *testing.T) {
	t.Parallel()
	url := server.Database(t) + "&default_transaction_isolation=serializable"
	const replicas = 4
	errs := make(chan error, replicas)
	for range replicas {
		store, _ := migrating(t, url, steps(`CREATE TABLE onsale.seats (n int); SELECT pg_sleep(0.2)`, `CREATE TABLE onsale.rows (n int)`))
		go func() { errs <- store.Migrate(t.Context()) }()
	}
	for range replicas {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	eventually(t, url, `SELECT count(*) = 3 AND max(version_id) = 2 FROM onsale.schema_migrations`)
}
