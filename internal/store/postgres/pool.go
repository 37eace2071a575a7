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

// pool is a pgxpool that can be replaced while it is in use. Resetting one is
// not enough: connections that lead nowhere keep their places for as long as it
// takes to say goodbye to nobody.
type pool struct {
	config  *pgxpool.Config
	current atomic.Pointer[pgxpool.Pool]
}

func newPool(config *pgxpool.Config, size int) *pool {
	config = config.Copy()
	config.MaxConns = int32(size) //nolint:gosec // G115: a handful of connections
	return &pool{config: config}
}

// renew puts a pool of new connections into the place of the old one, which is
// closed when those who use it are done. It does not connect.
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

// now returns the pool of the moment.
func (p *pool) now() *pgxpool.Pool { return p.current.Load() }

// Acquire is that of [pgxpool.Pool]. Callers that wait for a connection of a pool
// that is replaced meanwhile move on to the new one, whatever error the old one
// returned: nothing of theirs has been sent. That is why pool has no Query or Exec,
// whose errors do not tell whether something was.
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

// pinger has one connection to ask for signs of life on. One that gave none is
// not waited for. One that is broken is replaced at once: that it was ended says
// nothing about the database.
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
				return nil // it answers; whether it lets others sell, they find out
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

// goodbye closes a connection that is of no use any more.
func goodbye(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	_ = conn.Close(ctx)
}
