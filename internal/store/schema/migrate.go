package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"onsale/internal/sale"
)

// retryPause is the pause before a migration is retried after a conflict.
const retryPause = time.Second

// errApplied is returned if another process applied the migration meanwhile.
var errApplied = errors.New("migration is applied already")

// Migrator migrates a database to the newest version, each migration in a
// transaction of its own. The migrations are SQL files in goose's format, but
// Migrator passes them to goose as Go functions: an engine must take locks and set
// limits at the start of the transaction, and goose has no hook for that in SQL files.
type Migrator struct {
	DB      *sql.DB
	Dialect goose.Dialect
	// Table is the name of the table of versions.
	Table string
	// Files are the migrations, as for [Newest].
	Files fs.FS
	// Begin is called at the start of each transaction. It prevents other processes
	// from migrating until the transaction ends. It creates the table of versions
	// with version 0 if the table is missing, and returns the newest version in it.
	Begin func(context.Context, *sql.Tx) (version int64, err error)
	// Classify wraps an error in a sentinel of package sale. Up retries after
	// sale.ErrConflict and returns any other error.
	Classify func(context.Context, error) error
	Log      *slog.Logger
	// ProgressInterval is the time between two log lines about a running migration.
	ProgressInterval time.Duration

	running string      // name of the running migration, empty if none runs
	end     func(error) // logs the end of the running migration
}

// Up applies the missing migrations. It waits for other processes and for locks
// until the context ends.
func (m *Migrator) Up(ctx context.Context) error {
	provider, err := m.provider()
	if err != nil {
		return err
	}
	for waited := false; ; {
		err := m.upByOne(ctx, provider)
		switch {
		case errors.Is(err, goose.ErrNoNextVersion):
			return nil
		case err == nil, errors.Is(err, errApplied):
			continue
		case ctx.Err() != nil: // the error itself only reports an interrupted statement
			return fmt.Errorf("migrate schema: %w: %w", ctx.Err(), err)
		}
		if err = m.Classify(ctx, err); !errors.Is(err, sale.ErrConflict) {
			return err
		}
		if !waited {
			m.Log.Info("migration is waiting for another process that uses the database", "error", err)
			waited = true
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return fmt.Errorf("migrate schema: %w", ctx.Err())
		}
	}
}

// provider returns a goose provider with the migrations.
func (m *Migrator) provider() (*goose.Provider, error) {
	names, err := list(m.Files)
	if err != nil {
		return nil, err
	}
	var all []*goose.Migration
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		text, err := fs.ReadFile(m.Files, name)
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		up, _, found := strings.Cut(string(text), "-- +goose Down\n")
		if !found || !strings.Contains(up, "-- +goose Up\n") || strings.Count(string(text), "-- +goose ") != 2 {
			return nil, fmt.Errorf("migration %s: must have exactly the annotations `-- +goose Up` and `-- +goose Down`", name)
		}
		all = append(all, goose.NewGoMigration(version, m.function(path.Base(name), version, up), nil))
	}
	provider, err := goose.NewProvider(m.Dialect, m.DB, nil,
		goose.WithTableName(m.Table), goose.WithGoMigrations(all...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("prepare migrations: %w", err)
	}
	return provider, nil
}

// function returns a migration's statements as a function. It reads the version
// again, because goose read it before the transaction began.
func (m *Migrator) function(name string, version int64, statements string) *goose.GoFunc {
	return &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		have, err := m.Begin(ctx, tx)
		if err != nil {
			return err
		}
		if have >= version {
			return errApplied
		}
		m.running, m.end = name, report(m.Log.With("migration", name), m.ProgressInterval)
		_, err = tx.ExecContext(ctx, statements)
		return err
	}}
}

// upByOne applies the next migration, or returns goose.ErrNoNextVersion.
func (m *Migrator) upByOne(ctx context.Context, provider *goose.Provider) error {
	if err := m.prepare(ctx); err != nil {
		return err
	}
	_, err := provider.UpByOne(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		err = partial.Err // with a single migration there is no partial result
	}
	if m.running == "" {
		return err
	}
	m.end(err)
	if err != nil {
		err = fmt.Errorf("%s: %w", m.running, err)
	}
	m.running = ""
	return err
}

// prepare makes sure that the table of versions exists.
func (m *Migrator) prepare(ctx context.Context) error {
	tx, err := m.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := m.Begin(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}
