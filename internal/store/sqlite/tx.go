package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"onsale/internal/sale"
)

// tx is a transaction on the writing connection.
type tx struct {
	*writer
	// ctx has the caller's values and does not end: to watch one that does, the
	// driver starts a goroutine for every statement, and no statement waits
	// longer than for busyTimeout.
	ctx  context.Context
	open bool
}

// begin takes the file's write lock, on a new connection if there is none.
func (t *tx) begin() error {
	if err := t.connect(t.ctx); err != nil {
		return err
	}
	if _, err := t.conn.ExecContext(t.ctx, `BEGIN IMMEDIATE`); err != nil {
		return err
	}
	t.open = true
	return nil
}

// rollback ends the transaction and leaves nothing of it. SQLite may have
// rolled back by itself; a connection that cannot tell is replaced.
func (t *tx) rollback() {
	if !t.open {
		return
	}
	t.open = false
	if _, err := t.conn.ExecContext(t.ctx, `ROLLBACK`); err != nil {
		t.log.Debug("writing connection replaced", "error", err)
		t.discard()
	}
}

// commit commits and releases the connection. When the context ends first, the
// commit goes on, and nobody knows yet what becomes of it.
func (t *tx) commit(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() { answer <- t.finish() }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-answer:
		return err
	default:
		// The context's error is not wrapped: it would say that nothing was written.
		return fmt.Errorf("%w: gave up waiting for COMMIT: %v", sale.ErrOutcomeUnknown, context.Cause(ctx)) //nolint:errorlint // see above
	}
}

// finish commits and releases the connection. A failed COMMIT may be on the
// disk all the same, unless it did not get to write.
func (t *tx) finish() error {
	defer t.release()
	_, err := t.conn.ExecContext(t.ctx, `COMMIT`)
	if err == nil {
		return nil
	}
	t.rollback()
	if errors.Is(kindOf(err), sale.ErrConflict) {
		return fmt.Errorf("commit: %w", err)
	}
	return fmt.Errorf("commit: %w: %w", sale.ErrOutcomeUnknown, err)
}

// exec runs a statement that returns no rows.
func (t *tx) exec(query string, args ...any) (sql.Result, error) {
	stmt, err := t.prepare(t.ctx, query) //nolint:sqlclosecheck // kept for the connection's life
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(t.ctx, args...)
}

// prepare returns the statement, prepared once for the connection.
func (t *tx) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	return t.stmts.get(query, func() (*sql.Stmt, error) { return t.conn.PrepareContext(ctx, query) })
}

// statements are prepared statements by their text. There are as many as there
// are queries in this package.
type statements map[string]*sql.Stmt

// get returns the statement, prepared at its first use: before the schema
// exists, none can be.
func (s statements) get(query string, prepare func() (*sql.Stmt, error)) (*sql.Stmt, error) {
	if stmt, ok := s[query]; ok {
		return stmt, nil
	}
	stmt, err := prepare()
	if err != nil {
		return nil, fmt.Errorf("prepare statement: %w", away(err))
	}
	s[query] = stmt
	return stmt, nil
}

// close closes the statements before their connection.
func (s statements) close() {
	for _, stmt := range s {
		_ = stmt.Close() // the connection's end ends it too
	}
}
