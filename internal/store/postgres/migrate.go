package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"onsale/internal/sale"
	"onsale/internal/store/schema"
	"onsale/internal/store/transport"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable is in Onsale's own schema, because Onsale never writes to public.
const versionTable = "onsale.schema_migrations"

const (
	// turnLimit is how long a process waits for the migration lock before it logs
	// that it is waiting and retries.
	turnLimit = 5 * time.Second
	// migrationLockTimeout is how long a migration waits for a lock on a table. Then
	// it gives up, so that the buyers that wait behind it can go on.
	migrationLockTimeout = 2 * time.Second
	// preludeLimit bounds everything before the statements of a migration, including
	// the wait for the migration lock.
	preludeLimit = 30 * time.Second
	// checkLimit bounds the query for the schema version.
	checkLimit = 10 * time.Second
	// cancelLimit is how long the server has to cancel a statement after the context
	// has ended. After that the connection is closed.
	cancelLimit = 2 * time.Second
)

// Statements before those of a migration. Settings and locks last until the end of
// the transaction, because there can be a pooler in between.
const (
	// A migration has no time limit. transaction_timeout is new in PostgreSQL 17.
	// READ COMMITTED shows what others committed during the wait for the lock.
	noLimits = `SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN ('statement_timeout', 'transaction_timeout')`

	setLockTimeout = `SELECT set_config('lock_timeout', $1, true)`
	setIdleTimeout = `SELECT set_config('idle_in_transaction_session_timeout', $2, true)`
	tryTurn        = `SELECT pg_try_advisory_xact_lock($1)`
	waitForTurn    = `SELECT pg_advisory_xact_lock($1)`
	readVersion    = `SELECT coalesce(max(version_id), 0) FROM ` + versionTable + ` WHERE is_applied`
)

// Migrate migrates the schema to the newest version, each migration in a transaction
// of its own. Any number of processes can call it at once: one migrates, and the
// others log that they are waiting. A migration has no time limit; when the context
// ends, it is cancelled and rolled back. If it cannot lock a table that buyers use,
// it gives up the wait, so that they can buy, and retries.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.CheckSchema(ctx)
	if err == nil || denied(err) { // a role that cannot read the version cannot migrate either
		return err
	}
	config := s.general.config.ConnConfig.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelLimit}
	}
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }() // everything is committed or rolled back
	migrator := schema.Migrator{
		DB: db, Dialect: goose.DialectPostgres, Table: versionTable, Files: s.files,
		Begin: s.beginMigration, Classify: classifyMigration,
		Log: s.options.Logger, ProgressInterval: s.progressInterval,
	}
	if err := migrator.Up(ctx); err != nil {
		return transport.OneLine(s.advise(ctx, err, true))
	}
	return s.CheckSchema(ctx)
}

// beginMigration sets the limits of the transaction, takes the migration lock, and
// returns the version of the schema.
func (s *Store) beginMigration(ctx context.Context, tx *sql.Tx) (version int64, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, preludeLimit, tooSlow(preludeLimit))
	defer cancel()
	version, err = s.takeTurn(limited, tx)
	return version, classify(ctx, "begin", causeOf(limited, err))
}

func (s *Store) takeTurn(ctx context.Context, tx *sql.Tx) (version int64, err error) {
	if _, err := tx.ExecContext(ctx, noLimits+`; `+setLockTimeout+`; `+setIdleTimeout, milliseconds(turnLimit), s.limits.idleInTransaction); err != nil {
		return 0, err
	}
	var mine bool
	if err := tx.QueryRowContext(ctx, tryTurn, migrationLock).Scan(&mine); err != nil {
		return 0, err
	}
	if !mine {
		s.options.Logger.Info("waiting for another process to finish its migration")
		if _, err := tx.ExecContext(ctx, waitForTurn, migrationLock); err != nil {
			return 0, err
		}
	}
	if _, err := tx.ExecContext(ctx, setLockTimeout, milliseconds(migrationLockTimeout)); err != nil {
		return 0, err
	}
	if err := makeVersions(ctx, tx); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, readVersion).Scan(&version)
	return version, err
}

// classifyMigration is classify for the statements of a migration. A retry helps only
// after a lock conflict or a failure of the server. It does not help against data
// that breaks a new constraint, or a missing table.
func classifyMigration(ctx context.Context, err error) error {
	const op = "migrate schema"
	server, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && slices.Contains([]string{"23505", "57014", "42P01", "3F000"}, server.Code), // as in kindOfCode
		ok && errors.Is(kindOfCode(server.Code), sale.ErrRefused):
		return fmt.Errorf("%s: %w", op, transport.OneLine(err))
	case errors.Is(err, driver.ErrBadConn): // how database/sql reports a lost connection
		return fmt.Errorf("%s: %w: %w", op, sale.ErrUnavailable, transport.OneLine(err))
	}
	return classify(ctx, op, err)
}

// CheckSchema returns nil if the schema has the version that this program needs. If
// it is missing or older, it returns an ErrUnavailable with a remedy. A newer schema
// is a permanent error.
func (s *Store) CheckSchema(ctx context.Context) error {
	want, err := schema.Newest(s.files)
	if err != nil {
		return err
	}
	var have int64
	err = s.within(ctx, checkLimit, "check schema", classify, func(ctx context.Context, conn *pgx.Conn) error {
		// No prepared statement: there can be a pooler in between.
		err := conn.QueryRow(ctx, readVersion, pgx.QueryExecModeSimpleProtocol).Scan(&have)
		if server, ok := errors.AsType[*pgconn.PgError](err); ok && (server.Code == "42P01" || server.Code == "3F000") {
			return nil // version 0: there is no schema yet
		}
		return err
	})
	if err != nil {
		return s.advise(ctx, err, false)
	}
	return schema.Judge(have, want)
}
