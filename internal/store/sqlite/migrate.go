package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"onsale/internal/sale"
	"onsale/internal/store/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrateTimeout is how long a migration waits for another process's lock on the file.
// Then it logs that it is waiting and retries. The end of the context does not
// interrupt that wait.
const migrateTimeout = time.Second

// versionTable is the table in which goose records applied migrations.
const versionTable = "schema_migrations"

const (
	// The columns are those of goose. UNIQUE ensures that a version is recorded once.
	createVersions = `CREATE TABLE IF NOT EXISTS ` + versionTable + ` (
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL UNIQUE,
		is_applied INTEGER NOT NULL,
		tstamp     TIMESTAMP DEFAULT (datetime('now'))
	); INSERT OR IGNORE INTO ` + versionTable + ` (version_id, is_applied) VALUES (0, 1)`
	findVersions = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?`
	readVersion  = `SELECT coalesce(max(version_id), 0) FROM ` + versionTable + ` WHERE is_applied`
)

// Migrate migrates the schema to the newest version, each migration in a transaction
// of its own. Any number of processes can call it at once: one migrates, and the
// others log that they are waiting. A migration has no time limit; when the context
// ends, it is interrupted and rolled back.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.CheckSchema(ctx); !errors.Is(err, sale.ErrUnavailable) {
		return err // nil, or a newer schema
	}
	db, err := sql.Open("sqlite", s.file.writing(migrateTimeout))
	if err != nil {
		return fmt.Errorf("migrate schema: %w", err)
	}
	db.SetMaxOpenConns(1)
	migrator := schema.Migrator{
		DB: db, Dialect: goose.DialectSQLite3, Table: versionTable, Files: s.files,
		Begin: beginMigration, Classify: wrapMigration,
		Log: s.options.Logger, ProgressInterval: s.progressInterval,
	}
	return errors.Join(migrator.Up(ctx), db.Close())
}

// beginMigration returns the version of the schema. The transaction has already locked
// the file.
func beginMigration(ctx context.Context, tx *sql.Tx) (version int64, err error) {
	if _, err := tx.ExecContext(ctx, createVersions); err != nil {
		return 0, wrap("create version table", err)
	}
	err = tx.QueryRowContext(ctx, readVersion).Scan(&version)
	return version, wrap("read version", err)
}

// wrapMigration is wrap for the statements of a migration. A retry helps only after a
// lock conflict or a failure of the disk. It does not help against data that breaks a
// new constraint, or a missing table.
func wrapMigration(_ context.Context, err error) error {
	const op = "migrate schema"
	if fault, ok := errors.AsType[*driver.Error](err); ok {
		switch fault.Code() & 0xff {
		case codes.SQLITE_ERROR, codes.SQLITE_CONSTRAINT, codes.SQLITE_TOOBIG, codes.SQLITE_MISMATCH, codes.SQLITE_RANGE:
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	return wrap(op, err)
}

// CheckSchema returns nil if the schema has the version that this program needs. If
// it is missing or older, it returns an ErrUnavailable with a remedy. A newer schema
// is a permanent error.
func (s *Store) CheckSchema(ctx context.Context) error {
	want, err := schema.Newest(s.files)
	if err != nil {
		return err
	}
	have, err := s.schemaVersion(ctx)
	if err != nil {
		return wrap("check schema", err)
	}
	return schema.Judge(have, want)
}

// schemaVersion returns the version of the schema, 0 if there is none.
func (s *Store) schemaVersion(ctx context.Context) (version int64, err error) {
	tables, err := readAll(ctx, s.reader, toText, findVersions, versionTable)
	if err != nil || len(tables) == 0 {
		return 0, err
	}
	return readOne(ctx, s.reader, toNumber, readVersion)
}

func toNumber(rows *sql.Rows) (n int64, err error) {
	err = rows.Scan(&n)
	return n, err
}
