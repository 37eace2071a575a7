// Package postgres keeps the sale and the items in PostgreSQL, in a schema of
// its own named onsale. Any number of processes may share one database.
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
	// DefaultMaxConns is how many connections one process opens unless set
	// otherwise: ten replicas fit into PostgreSQL's default of 100.
	DefaultMaxConns = 8

	// A session that waits longer for a lock, a statement or its client than
	// this is ended by the server, so that a replica that vanishes while it
	// holds a concert's row stops the others for seconds only.
	lockTimeout      = 2 * time.Second
	statementTimeout = 5 * time.Second
	idleInTxTimeout  = 5 * time.Second
	tcpUserTimeout   = 5 * time.Second

	// readLimit ends the read of a row that the index finds: a database that
	// takes longer is away, and the client has its 503 within a second.
	readLimit = 900 * time.Millisecond
	// scanLimit ends reads of whole tables.
	scanLimit = 30 * time.Second
)

// Options of a [Store].
type Options struct {
	// MaxConns is how many connections the process may open, at least 5;
	// 0 stands for DefaultMaxConns.
	MaxConns int
	// Now tells the time for what is written; nil stands for time.Now.
	Now func() time.Time
	// Gate is called at the start of each transaction and each read; it may
	// wait or refuse. Nil for none.
	Gate func(context.Context) error
	// Logger hears of migrations, and of settings in the URL that are ignored; nil for
	// none.
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

// Open returns a store for the database that the URL names. It does not
// connect: a database that is away now may come later. It does not create the
// schema either; that is [Store.Migrate].
//
// An error says what is wrong with the URL or the options, without the
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

// Close closes all connections, and waits a moment for those in use.
func (s *Store) Close() error { return s.close() }

// Ping implements [sale.Ledger] on a connection of its own.
func (s *Store) Ping(ctx context.Context) error {
	return classify(ctx, "ping database", s.ping(ctx))
}

// Stats counts the store's connections.
func (s *Store) Stats() sale.PoolStats { return s.stats() }

// now is the time as PostgreSQL keeps it, so that a receipt equals its row.
func (s *Store) now() time.Time { return s.options.Now().UTC().Truncate(time.Microsecond) }

// gate asks whether the simulated troubles let a call through.
func (s *Store) gate(ctx context.Context, op string) error { return gate.Pass(ctx, op, s.options.Gate) }

// queryOne reads one row, past the gate.
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

// within does something on a general connection within a time limit, connecting
// included, and judges the error. One of connecting is judged by classify:
// nothing was sent.
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

// call is within for a call whose client waits: it ends at readLimit.
func (s *Store) call(ctx context.Context, op string, judge judgement, do func(context.Context, *pgx.Conn) error) error {
	return s.within(ctx, readLimit, op, judge, func(ctx context.Context, conn *pgx.Conn) error {
		return withGrant(ctx, conn, do(ctx, conn))
	})
}

// queryAll reads all rows of a query.
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
