package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/store/transport"
)

// A connection leads to a session of PostgreSQL, or to a pooler such as PgBouncer,
// which may lend each transaction another session. In a session of its own the
// time limits are set once, and statements are prepared. Behind a pooler nothing
// outlives a transaction: each one sets its limits, and no statement is prepared.

// sessions prepares each connection for where it leads, while it is made: the
// hosts of one URL may differ, and so may what answers at one address. It is a
// [pgx.QueryTracer] only because pgx hands the configuration that a connection
// will use to nobody but a tracer.
type sessions struct {
	limits limits
	// pooled says that the URL asks for no session state, so that nobody looks.
	pooled bool
	// keepMode says that the URL names the statement mode.
	keepMode bool
}

// newSessions reads and removes what the URL says of limits and poolers.
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
		*mode = pgx.QueryExecModeExec // the driver refuses a mode without its cache
	}
	return s, nil
}

// localLimits is the key of a connection's custom data whose value, a string, sets
// the limits of a transaction. A session of its own has none.
const localLimits = "onsale limits"

// TraceConnectStart implements [pgx.ConnectTracer]. It looks where the connection
// leads as soon as there is one, within the time limit of connecting.
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

// own sets the limits of the session if it is the connection's own, and reports
// whether it is. A pooler tells its clients a process id that is not the
// session's.
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

// modeBehindPooler returns how statements are sent behind a pooler. One that is
// prepared, or described and then executed, may meet another session. If the URL
// asks for prepared statements by name, the pooler must know them.
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

// setLimits returns the statement that sets the limits of a transaction, and false
// if the session has them already.
func setLimits(conn *pgx.Conn) (string, bool) {
	statement, ok := conn.PgConn().CustomData()[localLimits].(string)
	return statement, ok
}

// newBatch returns a batch that is one transaction with limits, after the
// statements that begin it, if any.
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

// transaction returns the options of a transaction with limits that the statement
// begins.
func transaction(conn *pgx.Conn, begin string) pgx.TxOptions {
	if statement, ok := setLimits(conn); ok {
		begin += "; " + statement
	}
	return pgx.TxOptions{BeginQuery: begin}
}

// query sends one statement, in a transaction of its own with limits, and hands
// its rows to read, which must close them.
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

// written returns a function that reads how many rows a statement has written.
func written(done *pgconn.CommandTag) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		rows.Close()
		*done = rows.CommandTag()
		return rows.Err()
	}
}
