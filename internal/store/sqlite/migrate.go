package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"onsale/internal/sale"
	"onsale/internal/store/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrateTimeout is how long a migration waits for another process's lock on the
// file before it says so and tries again. SQLite does not hear of a context that
// ends meanwhile.
const migrateTimeout = time.Second

const (
	// A version is written once. The columns are those of goose, which wrote the
	// first databases.
	createVersions = `CREATE TABLE IF NOT EXISTS schema_migrations (
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL UNIQUE,
		is_applied INTEGER NOT NULL,
		tstamp     TIMESTAMP DEFAULT (datetime('now'))
	)`
	findVersions = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'`
	readVersion  = `SELECT coalesce(max(version_id), 0) FROM schema_migrations WHERE is_applied`
	addVersion   = `INSERT INTO schema_migrations (version_id, is_applied) VALUES (?, 1)`
)

// Migrate brings the schema to the newest version, each migration in one
// transaction. Any number of processes may call it at once: one works, and the
// others wait for it and say so in the log. A migration has no time limit; when
// the context ends, it is interrupted and rolled back.
func (s *Store) Migrate(ctx context.Context) error {
	const op = "migrate schema"
	steps, err := schema.Read(s.files)
	if err != nil {
		return err
	}
	have, err := s.schemaVersion(ctx)
	if want := schema.Newest(steps); err != nil || have >= want {
		return wrap(op, errors.Join(err, schema.Judge(have, want)))
	}
	db, err := sql.Open("sqlite", s.file.writing(migrateTimeout))
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	db.SetMaxOpenConns(1)
	if err = s.migrateAll(ctx, db, steps); err != nil {
		err = fmt.Errorf("%s: %w", op, err)
	}
	return errors.Join(err, db.Close())
}

// migrateAll applies the migrations that are missing, and waits for the file as
// long as the context does.
func (s *Store) migrateAll(ctx context.Context, db *sql.DB, steps []schema.Migration) error {
	ticker := time.NewTicker(retryPause)
	defer ticker.Stop()
	for waited := false; ; {
		more, err := s.migrateOne(ctx, db, steps)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && more:
			continue
		case !errors.Is(err, sale.ErrConflict):
			return err
		case !waited:
			s.options.Logger.Info("migration waits for another process that writes to the file")
			waited = true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// migrateOne applies the next migration, and reports false if there was none.
func (s *Store) migrateOne(ctx context.Context, db *sql.DB, steps []schema.Migration) (more bool, err error) {
	tx, err := db.BeginTx(ctx, nil) // takes the lock of the file
	if err != nil {
		return false, wrap("begin", err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, createVersions); err != nil {
		return false, wrap("create version table", err)
	}
	var have int64
	if err := tx.QueryRowContext(ctx, readVersion).Scan(&have); err != nil {
		return false, wrap("read version", err)
	}
	step, more := schema.Next(steps, have)
	if !more {
		return false, nil
	}
	end := step.Report(s.options.Logger, s.progressInterval)
	_, err = tx.ExecContext(ctx, step.Up)
	if err == nil {
		_, err = tx.ExecContext(ctx, addVersion, step.Version)
	}
	if err == nil {
		err = tx.Commit()
	}
	end(err)
	return true, wrapMigration(step.Name, err)
}

// wrapMigration is wrap for the statements of a migration. Another try helps
// only where a lock or the disk was in the way: data that breaks a new
// constraint, or a missing table, stays as it is.
func wrapMigration(op string, err error) error {
	if fault, ok := errors.AsType[*driver.Error](err); ok {
		switch fault.Code() & 0xff {
		case codes.SQLITE_ERROR, codes.SQLITE_CONSTRAINT, codes.SQLITE_TOOBIG, codes.SQLITE_MISMATCH, codes.SQLITE_RANGE:
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	return wrap(op, err)
}

// CheckSchema returns nil if the schema is the one that this program knows, and
// an ErrUnavailable that says what to do if it is missing or older. A newer
// schema is an error that waiting does not mend.
func (s *Store) CheckSchema(ctx context.Context) error {
	steps, err := schema.Read(s.files)
	if err != nil {
		return err
	}
	have, err := s.schemaVersion(ctx)
	if err != nil {
		return wrap("check schema", err)
	}
	return schema.Judge(have, schema.Newest(steps))
}

// schemaVersion returns the version that the schema has, 0 if there is none.
func (s *Store) schemaVersion(ctx context.Context) (version int64, err error) {
	tables, err := readAll(ctx, s.reader, toText, findVersions)
	if err != nil || len(tables) == 0 {
		return 0, err
	}
	return readOne(ctx, s.reader, toNumber, readVersion)
}

func toNumber(rows *sql.Rows) (n int64, err error) {
	err = rows.Scan(&n)
	return n, err
}
