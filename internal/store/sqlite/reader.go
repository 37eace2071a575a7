package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"onsale/internal/sale"
)

// reader is a pool of read-only connections.
type reader struct {
	db *sql.DB
	// slots holds a token for each connection in use. The wait for a token ends with the
	// caller's context. Short statements do not get that context; see [tx].
	slots chan struct{}
	mu    sync.Mutex
	stmts statements
}

func openReader(f file, connections int) (*reader, error) {
	db, err := sql.Open("sqlite", f.reading())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &reader{db: db, slots: make(chan struct{}, connections), stmts: make(statements)}, nil
}

func (r *reader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stmts.close()
	clear(r.stmts)
	return r.db.Close()
}

func (r *reader) stats() sale.PoolStats {
	inUse := len(r.slots)
	return sale.PoolStats{InUse: inUse, Idle: max(r.db.Stats().OpenConnections-inUse, 0), Max: cap(r.slots)}
}

// prepare returns a prepared statement, which the pool keeps.
func (r *reader) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stmts.get(query, func() (*sql.Stmt, error) { return r.db.PrepareContext(ctx, query) }) //nolint:sqlclosecheck // closed with the pool
}

// acquire waits for a connection until the context ends.
func (r *reader) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *reader) release() { <-r.slots }

// readOne reads one row, found by its index. It returns ErrNotFound if there is none.
func readOne[T any](ctx context.Context, r *reader, scan scanner[T], query string, args ...any) (T, error) {
	var none T
	if err := r.acquire(ctx); err != nil {
		return none, err
	}
	defer r.release()
	rows, err := collect(context.WithoutCancel(ctx), r, scan, query, args...)
	switch {
	case err != nil:
		return none, err
	case len(rows) == 0:
		return none, sale.ErrNotFound
	}
	return rows[0], nil
}

// readAll reads all rows of a query. It can take long, and ends with the context.
func readAll[T any](ctx context.Context, r *reader, scan scanner[T], query string, args ...any) ([]T, error) {
	if err := r.acquire(ctx); err != nil {
		return nil, err
	}
	defer r.release()
	return collect(ctx, r, scan, query, args...)
}

// scanner reads the current row.
type scanner[T any] func(rows *sql.Rows) (T, error)

// preparer is a reader or a tx.
type preparer interface {
	prepare(ctx context.Context, query string) (*sql.Stmt, error)
}

// collect runs a query and scans its rows.
func collect[T any](ctx context.Context, p preparer, scan scanner[T], query string, args ...any) ([]T, error) {
	stmt, err := p.prepare(ctx, query) //nolint:sqlclosecheck // kept for the connection's life
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("scan row: %w", err)
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// toText scans a row with one text.
func toText(rows *sql.Rows) (text string, err error) {
	err = rows.Scan(&text)
	return text, err
}
