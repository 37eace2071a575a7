// Package postgres keeps the sale and the items in PostgreSQL, in a schema named
// onsale. Any number of processes can share one database.
package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/store/gate"
	"onsale/internal/store/schema"
)

var (
	_ sale.Ledger  = (*Store)(nil)
	_ sale.Auditor = (*Store)(nil)
	_ fault.Store  = (*Store)(nil)
	_ item.Store   = (*Store)(nil)
)

// Limits of a session and of a call.
const (
	// DefaultMaxConns is the default limit of connections of one process. Ten replicas
	// fit into PostgreSQL's default of 100.
	DefaultMaxConns = 8

	// The server aborts a statement or a transaction that exceeds one of these limits.
	// A replica that vanishes while it holds a concert's row therefore blocks the others
	// for a few seconds only.
	lockTimeout      = 2 * time.Second
	statementTimeout = 5 * time.Second
	idleInTxTimeout  = 5 * time.Second
	tcpUserTimeout   = 5 * time.Second

	// readLimit bounds calls that read or write one row, found by its index. A database
	// that takes longer counts as unreachable, and the client gets its 503 within a
	// second.
	readLimit = 900 * time.Millisecond
	// scanLimit bounds reads of whole tables.
	scanLimit = 30 * time.Second
)

// Options of a [Store].
type Options struct {
	// MaxConns limits the connections of the process. It must be at least 5; 0 means
	// DefaultMaxConns.
	MaxConns int
	// Now returns the time that rows are written with. The default is time.Now.
	Now func() time.Time
	// Gate is called at the start of each transaction and each read. It can delay the
	// call or return an error. Nil lets every call through.
	Gate func(context.Context) error
	// Logger logs migrations, and settings in the URL that are ignored. Nil logs
	// nothing.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.MaxConns == 0 {
		o.MaxConns = DefaultMaxConns
	}
	if o.MaxConns < minConns {
		return o, fmt.Errorf("max connections must be at least %d, not %d", minConns, o.MaxConns)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Gate == nil {
		o.Gate = func(context.Context) error { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// Store keeps the sale in PostgreSQL.
type Store struct {
	options Options
	*pools
	trials           trials
	files            fs.FS // of the migrations
	progressInterval time.Duration
}

// Open returns a store for the database that the URL names. It does not connect, so
// the database can be unreachable at first. It does not create the schema; use
// [Store.Migrate] for that.
//
// An error describes what is wrong with the URL or the options, and never shows the
// password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	config, err := parseURL(url, o.Logger)
	if err != nil {
		return nil, err
	}
	return openStore(ctx, config, o)
}

func openStore(ctx context.Context, config *pgxpool.Config, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	pools, err := openPools(ctx, config, o.MaxConns)
	if err != nil {
		return nil, err
	}
	return &Store{options: o, pools: pools, files: migrations, progressInterval: schema.ProgressInterval}, nil
}

// Close closes all connections. It waits up to 5 s for those in use.
func (s *Store) Close() error { return s.close() }

// Ping implements [sale.Ledger] on a connection of its own.
func (s *Store) Ping(ctx context.Context) error {
	return classify(ctx, "ping database", s.ping(ctx))
}

// Stats returns the number of the store's connections by state.
func (s *Store) Stats() sale.PoolStats { return s.stats() }

// now returns the time in PostgreSQL's precision, so that a receipt equals its row.
func (s *Store) now() time.Time { return s.options.Now().UTC().Truncate(time.Microsecond) }

// gate lets simulated faults delay or reject a call.
func (s *Store) gate(ctx context.Context, op string) error { return gate.Pass(ctx, op, s.options.Gate) }

// queryOne passes the gate and reads one row within readLimit.
func queryOne[T any](ctx context.Context, s *Store, op string, scan pgx.RowToFunc[T], statement string, args ...any) (T, error) {
	if err := s.gate(ctx, op); err != nil {
		var none T
		return none, err
	}
	return readOne(ctx, s, op, scan, statement, args...)
}

// readOne reads one row within readLimit.
func readOne[T any](ctx context.Context, s *Store, op string, scan pgx.RowToFunc[T], statement string, args ...any) (row T, err error) {
	err = s.call(ctx, op, classify, func(ctx context.Context, conn *pgx.Conn) error {
		return query(ctx, conn, one(&row, scan), statement, args...)
	})
	return row, err
}

// judgement is classify or classifyCommit.
type judgement func(ctx context.Context, op string, err error) error

// within calls do with a general connection and judges its error. The limit includes
// the time to connect. An error from connecting is judged by classify, because nothing
// was sent.
func (s *Store) within(
	ctx context.Context, limit time.Duration, op string, judge judgement, do func(context.Context, *pgx.Conn) error,
) error {
	limited, cancel := context.WithTimeoutCause(ctx, limit, tooSlow(limit))
	defer cancel()
	conn, err := s.general.Acquire(limited)
	if err != nil {
		return classify(ctx, op+": connect", causeOf(limited, err))
	}
	defer conn.Release()
	return judge(ctx, op, causeOf(limited, do(limited, conn.Conn())))
}

// call is within for a call that a client waits for: its limit is readLimit.
func (s *Store) call(ctx context.Context, op string, judge judgement, do func(context.Context, *pgx.Conn) error) error {
	return s.within(ctx, readLimit, op, judge, func(ctx context.Context, conn *pgx.Conn) error {
		return withGrant(ctx, conn, do(ctx, conn))
	})
}

// queryAll passes the gate and reads all rows of a query.
func queryAll[T any](ctx context.Context, s *Store, op string, scan pgx.RowToFunc[T], statement string, args ...any) ([]T, error) {
	if err := s.gate(ctx, op); err != nil {
		return nil, err
	}
	conn, err := s.general.Acquire(ctx)
	if err != nil {
		return nil, classify(ctx, op+": connect", err)
	}
	defer conn.Release()
	var rows []T
	err = query(ctx, conn.Conn(), all(&rows, scan), statement, args...)
	return rows, classify(ctx, op, withGrant(ctx, conn.Conn(), err))
}
