package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"onsale/internal/sale"
	"onsale/internal/store/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable is where goose notes which migrations were applied.
const versionTable = "schema_migrations"

// createVersionTable is goose's table with one thing more: a version is written
// once. Goose has no lock for SQLite and reads the versions before it takes the
// file's; the second of two processes that apply a migration at once fails
// where it notes the version, and its transaction with it.
const createVersionTable = `CREATE TABLE IF NOT EXISTS ` + versionTable + ` (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	version_id INTEGER NOT NULL UNIQUE,
	is_applied INTEGER NOT NULL,
	tstamp     TIMESTAMP DEFAULT (datetime('now'))
)`

// Migrate brings the schema to the newest version. Any number of processes may
// call it at once.
func (s *Store) Migrate(ctx context.Context) error {
	have, want, err := s.schemaVersion(ctx)
	if err != nil || have >= want {
		return wrap("migrate schema", errors.Join(err, schema.Judge(have, want)))
	}
	db, err := sql.Open("sqlite", s.file.writing(migrateTimeout))
	if err != nil {
		return fmt.Errorf("migrate schema: %w", err)
	}
	db.SetMaxOpenConns(1)
	err = retry(ctx, func() error { return s.migrateOnce(ctx, db) })
	return wrap("migrate schema", errors.Join(err, db.Close()))
}

// migrateOnce tries to apply what is missing. What another process did
// meanwhile makes it fail, and counts as progress.
func (s *Store) migrateOnce(ctx context.Context, db *sql.DB) error {
	before, _, err := s.schemaVersion(ctx)
	if err != nil {
		return err
	}
	err = s.apply(ctx, db)
	have, want, readErr := s.schemaVersion(ctx)
	switch {
	case err == nil || readErr != nil || have >= want:
		return errors.Join(readErr, schema.Judge(have, want))
	case have > before:
		return fmt.Errorf("%w: %w", sale.ErrConflict, err)
	}
	return err
}

// apply applies the migrations that are missing.
func (s *Store) apply(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, createVersionTable+`; INSERT OR IGNORE INTO `+versionTable+` (version_id, is_applied) VALUES (0, 1)`)
	if err != nil {
		return fmt.Errorf("create version table: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithTableName(versionTable),
		goose.WithSlog(s.options.Logger),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	applied, err := provider.Up(ctx)
	for _, m := range applied {
		s.options.Logger.Info("migration applied", "version", m.Source.Version, "duration", m.Duration)
	}
	return err
}

// CheckSchema returns nil if the schema is the one that this program knows, and
// an ErrUnavailable that says what to do if it is missing or older. A newer
// schema is an error that waiting does not mend.
func (s *Store) CheckSchema(ctx context.Context) error {
	have, want, err := s.schemaVersion(ctx)
	if err != nil {
		return wrap("check schema", err)
	}
	return schema.Judge(have, want)
}

// schemaVersion returns the version that the schema has, 0 if there is none,
// and the one that the embedded files lead to.
func (s *Store) schemaVersion(ctx context.Context) (have, want int64, err error) {
	want, err = schema.Newest(migrations)
	if err != nil {
		return 0, 0, err
	}
	tables, err := readAll(ctx, s.reader, toText, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?`, versionTable)
	if err != nil || len(tables) == 0 {
		return 0, want, err
	}
	have, err = readOne(ctx, s.reader, toNumber, `SELECT coalesce(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`)
	return have, want, err
}

func toNumber(rows *sql.Rows) (n int64, err error) {
	err = rows.Scan(&n)
	return n, err
}
