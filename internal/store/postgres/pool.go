package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/sale"
)

// pool is a pgxpool that can be replaced while it is in use. Pool.Reset is not
// enough: a dead connection keeps its slot until the attempt to close it times out.
type pool struct {
	config  *pgxpool.Config
	current atomic.Pointer[pgxpool.Pool]
}

func newPool(config *pgxpool.Config, size int) *pool {
	config = config.Copy()
	config.MaxConns = int32(size) //nolint:gosec // G115: a handful of connections
	return &pool{config: config}
}

// renew replaces the pool by a new one without connections. The old pool closes when
// its callers have released their connections. renew does not connect.
func (p *pool) renew(ctx context.Context) error {
	fresh, err := pgxpool.NewWithConfig(ctx, p.config.Copy())
	if err != nil {
		return fmt.Errorf("open pool: %w", err)
	}
	if old := p.current.Swap(fresh); old != nil {
		go old.Close()
	}
	return nil
}

// now returns the current pool.
func (p *pool) now() *pgxpool.Pool { return p.current.Load() }

// Acquire is like [pgxpool.Pool.Acquire]. If the pool is replaced during the wait,
// Acquire retries on the new pool, whatever error the old one returned: nothing has
// been sent. The errors of Query and Exec do not show whether something was sent,
// which is why pool does not have them.
//
// An error that is neither the context's nor the server's is ErrUnavailable.
func (p *pool) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	for {
		pool := p.now()
		conn, err := pool.Acquire(ctx)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		if pool != p.now() {
			continue
		}
		if _, connecting := errors.AsType[*pgconn.ConnectError](err); !connecting {
			err = fmt.Errorf("%w: %w", sale.ErrUnavailable, err) // the pool is closed
		}
		return nil, err
	}
}

// pinger pings the database on a connection of its own. A connection that did not
// answer is closed in the background. One that is broken is replaced at once, because
// a closed connection does not mean that the database is unreachable.
type pinger struct {
	config *pgx.ConnConfig

	mu   sync.Mutex
	conn *pgx.Conn
}

func (p *pinger) ping(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for again := p.conn != nil; ; again = false {
		if p.conn == nil {
			conn, err := pgx.ConnectConfig(ctx, p.config)
			if refusesLogin(err) {
				return nil // the server answers; TryWrite finds out whether it sells
			}
			if err != nil {
				return err
			}
			p.conn = conn
		}
		err := p.conn.Ping(ctx)
		if err == nil {
			return nil
		}
		go goodbye(context.WithoutCancel(ctx), p.conn)
		p.conn = nil
		if !again || ctx.Err() != nil {
			return err
		}
	}
}

func (p *pinger) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		goodbye(context.Background(), p.conn)
		p.conn = nil
	}
}

// goodbye closes a connection, and waits at most closeLimit.
func goodbye(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	_ = conn.Close(ctx)
}
