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

// retryPause is the pause before a migration that something was in the way of is
// tried again.
const retryPause = time.Second

// errApplied says that another process has applied the migration meanwhile.
var errApplied = errors.New("migration is applied already")

// Migrator brings a database to the newest version by goose, each migration in
// one transaction. The migrations are SQL files of goose, which are passed to it
// as Go functions: before the statements of an SQL file goose runs nothing in
// their transaction, and that is where an engine must lock and set limits.
type Migrator struct {
	DB      *sql.DB
	Dialect goose.Dialect
	// Table is that of the versions.
	Table string
	// Files are the migrations, as for [Newest].
	Files fs.FS
	// Begin is called at the start of each transaction. It keeps other processes
	// from migrating until the transaction ends, creates the table of versions
	// with version 0 if it is missing, and returns the newest version in it.
	Begin func(context.Context, *sql.Tx) (version int64, err error)
	// Classify says what an error means. A sale.ErrConflict is tried again.
	Classify func(context.Context, error) error
	Log      *slog.Logger
	// ProgressInterval is how often a running migration is reported.
	ProgressInterval time.Duration

	running string      // name of the migration that has begun, empty for none
	end     func(error) // ends its report
}

// Up applies the migrations that are missing. It waits for other processes, and
// for locks, until the context ends.
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
		case ctx.Err() != nil: // the database says that a statement was interrupted
			return fmt.Errorf("migrate schema: %w: %w", ctx.Err(), err)
		}
		if err = m.Classify(ctx, err); !errors.Is(err, sale.ErrConflict) {
			return err
		}
		if !waited {
			m.Log.Info("migration waits for another process that uses the database", "error", err)
			waited = true
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return fmt.Errorf("migrate schema: %w", ctx.Err())
		}
	}
}

// provider returns goose with the migrations.
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
			return nil, fmt.Errorf("migration %s: its annotations must be `-- +goose Up` and `-- +goose Down`", name)
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

// function returns a migration's statements as a function. Goose has read the
// versions before it began the transaction.
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
		err = partial.Err // of one migration, nothing is applied in part
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

// prepare makes sure that there is a table of versions.
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
