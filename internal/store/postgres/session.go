package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/store/transport"
)

// A connection has a session of PostgreSQL to itself, or it goes through a pooler such
// as PgBouncer, which can give each transaction another session. In a session of its
// own the time limits are set once, and statements are prepared. Behind a pooler
// nothing outlives a transaction: each one sets its limits, and no statement is
// prepared.

// sessions finds out for each new connection whether it goes through a pooler, and
// prepares it. It checks every connection, because the hosts of one URL can differ,
// and so can what answers at one address. It is a [pgx.QueryTracer] only because pgx
// passes a connection's own copy of the configuration to nothing but tracers.
type sessions struct {
	limits limits
	// pooled is set if the URL excludes session state. Then nothing is checked.
	pooled bool
	// keepMode is set if the URL names the statement mode.
	keepMode bool
}

// newSessions takes the limits and the pooler's settings out of the configuration.
func newSessions(config *pgx.ConnConfig) (*sessions, error) {
	limits, err := takeLimits(config.RuntimeParams)
	if err != nil {
		return nil, err
	}
	s := &sessions{limits: limits, pooled: transport.TakePooler(config.RuntimeParams)}
	s.keepMode = strings.Contains(config.ConnString(), "default_query_exec_mode=")
	mode := &config.DefaultQueryExecMode
	s.pooled = s.pooled || *mode == pgx.QueryExecModeCacheDescribe ||
		*mode == pgx.QueryExecModeExec || *mode == pgx.QueryExecModeSimpleProtocol
	if *mode == pgx.QueryExecModeCacheStatement && config.StatementCacheCapacity == 0 ||
		*mode == pgx.QueryExecModeCacheDescribe && config.DescriptionCacheCapacity == 0 {
		*mode = pgx.QueryExecModeExec // the driver rejects a mode without its cache
	}
	return s, nil
}

// localLimits is a key of a connection's custom data. Behind a pooler its value is the
// statement that sets the limits of a transaction; other connections do not have it.
const localLimits = "onsale limits"

// TraceConnectStart implements [pgx.ConnectTracer]. It makes the driver check for a
// pooler right after connecting, within the connect timeout.
func (s *sessions) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	config := data.ConnConfig
	mode, validate := config.DefaultQueryExecMode, config.ValidateConnect
	config.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		pooled := s.pooled
		if !pooled {
			direct, err := s.own(ctx, conn)
			if err != nil {
				return err
			}
			pooled = !direct
		}
		config.DefaultQueryExecMode = mode
		if pooled {
			if err := tryTransaction(ctx, conn); err != nil {
				return err
			}
			conn.CustomData()[localLimits] = s.limits.transaction
			config.DefaultQueryExecMode = s.modeBehindPooler(mode)
		}
		if validate != nil {
			return validate(ctx, conn)
		}
		return nil
	}
	return ctx
}

// own reports whether the connection has a session of its own, and sets the limits of
// that session. The process id that a pooler gives its clients is not the session's,
// which shows that there is a pooler.
func (s *sessions) own(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	results, err := conn.Exec(ctx, fmt.Sprintf(
		`SELECT CASE WHEN pg_backend_pid()::bigint = %d THEN 'own' || left(%s, 0) END`, conn.PID(), s.limits.session)).ReadAll()
	if err != nil {
		return false, fmt.Errorf("set time limits: %w", err)
	}
	return len(results) == 1 && len(results[0].Rows) == 1 && string(results[0].Rows[0][0]) == "own", nil
}

// tryTransaction returns an error if the pooler allows no transaction of several
// messages, as PgBouncer does in statement mode.
func tryTransaction(ctx context.Context, conn *pgconn.PgConn) error {
	for _, statement := range []string{begin, `ROLLBACK`} {
		if _, err := conn.Exec(ctx, statement).ReadAll(); err != nil {
			return fmt.Errorf("try a transaction: %w", err)
		}
	}
	return nil
}

// modeBehindPooler returns how statements are sent behind a pooler. A statement that
// is prepared or described in one session can be executed in another, and fail. If the
// URL names a mode with prepared statements, it is kept: the pooler must support them.
func (s *sessions) modeBehindPooler(mode pgx.QueryExecMode) pgx.QueryExecMode {
	if mode == pgx.QueryExecModeDescribeExec || mode == pgx.QueryExecModeCacheStatement && !s.keepMode {
		return pgx.QueryExecModeExec
	}
	return mode
}

// TraceConnectEnd implements [pgx.ConnectTracer].
func (*sessions) TraceConnectEnd(context.Context, pgx.TraceConnectEndData) {}

// TraceQueryStart implements [pgx.QueryTracer].
func (*sessions) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (*sessions) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// setLimits returns the statement that sets the limits of a transaction. It returns
// false if the session already has them.
func setLimits(conn *pgx.Conn) (string, bool) {
	statement, ok := conn.PgConn().CustomData()[localLimits].(string)
	return statement, ok
}

// newBatch returns a batch that runs as one transaction with limits. The statements in
// begin, if any, come first.
func newBatch(conn *pgx.Conn, begin ...string) *pgx.Batch {
	batch := new(pgx.Batch)
	for _, statement := range begin {
		batch.Queue(statement)
	}
	if statement, ok := setLimits(conn); ok {
		batch.Queue(statement)
	}
	return batch
}

// transaction returns the options of a transaction that begins with the statement and
// has limits.
func transaction(conn *pgx.Conn, begin string) pgx.TxOptions {
	if statement, ok := setLimits(conn); ok {
		begin += "; " + statement
	}
	return pgx.TxOptions{BeginQuery: begin}
}

// query sends one statement in a transaction of its own with limits. It passes the
// rows to read, which must close them.
func query(ctx context.Context, conn *pgx.Conn, read func(pgx.Rows) error, statement string, args ...any) error {
	if _, pooled := setLimits(conn); pooled {
		batch := newBatch(conn)
		batch.Queue(statement, args...).Query(read)
		return conn.SendBatch(ctx, batch).Close()
	}
	rows, err := conn.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	return read(rows)
}

// one returns a function that reads exactly one row.
func one[T any](into *T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectExactlyOneRow(rows, scan)
		return err
	}
}

// all returns a function that reads all rows.
func all[T any](into *[]T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, scan)
		return err
	}
}

// written returns a function that reads the number of rows that a statement wrote.
func written(done *pgconn.CommandTag) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		rows.Close()
		*done = rows.CommandTag()
		return rows.Err()
	}
}
