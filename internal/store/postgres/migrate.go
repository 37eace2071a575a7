package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"onsale/internal/store/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable stands inside the schema: Onsale leaves public alone.
const versionTable = "onsale.schema_migrations"

// schemaLockTimeout is how long a process waits for another one's migration.
const schemaLockTimeout = time.Minute

// Migrate brings the schema to the newest version. Any number of processes may
// call it at once: one works, the others wait for it.
func (s *Store) Migrate(ctx context.Context) error {
	if s.CheckSchema(ctx) == nil {
		return nil
	}
	unlock, err := s.lockSchema(ctx)
	if err != nil {
		return classify(ctx, "lock schema", err)
	}
	defer unlock()

	db := stdlib.OpenDBFromPool(s.general.now())
	defer func() { _ = db.Close() }() // the pool stays open
	provider, err := newProvider(db, s.options.Logger)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return classify(ctx, "migrate schema", err)
	}
	return s.CheckSchema(ctx)
}

func newProvider(db *sql.DB, log *slog.Logger) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(versionTable),
		goose.WithSlog(log),
		goose.WithDisableGlobalRegistry(true))
}

// lockSchema makes sure that there is a schema and keeps other processes from
// changing it until unlock is called. Goose's own lock is asked for once a
// second at best; this one waits in the server, so that the tenth replica
// starts as soon as it may. It is held by a connection of its own, and ends
// with it.
func (s *Store) lockSchema(ctx context.Context) (unlock func(), err error) {
	config := s.general.config.ConnConfig.Copy()
	config.RuntimeParams["lock_timeout"] = milliseconds(schemaLockTimeout)
	config.RuntimeParams["statement_timeout"] = milliseconds(schemaLockTimeout)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	unlock = func() { _ = conn.Close(context.WithoutCancel(ctx)) }
	if _, err = conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err == nil {
		_, err = conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS onsale`)
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// CheckSchema returns nil if the schema is the one that this program knows, and
// an ErrUnavailable that says what to do if it is missing or older. A newer
// schema is an error that waiting does not mend.
func (s *Store) CheckSchema(ctx context.Context) error {
	want, err := schema.Newest(migrations)
	if err != nil {
		return err
	}
	var have int64
	err = s.general.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&have)
	var server *pgconn.PgError
	missing := errors.As(err, &server) && (server.Code == "42P01" || server.Code == "3F000")
	if err != nil && !missing {
		return classify(ctx, "check schema", err)
	}
	return schema.Judge(have, want)
}
