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
	// ctx has the caller's values but is never cancelled. For a context that can be
	// cancelled, the driver starts a goroutine for every statement. No statement waits
	// longer than busyTimeout.
	ctx  context.Context
	open bool
}

// begin takes the file's write lock. It opens the connection if there is none.
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

// rollback rolls the transaction back. If that fails, the connection is replaced:
// SQLite can have rolled back on its own.
func (t *tx) rollback() {
	if !t.open {
		return
	}
	t.open = false
	if _, err := t.conn.ExecContext(t.ctx, `ROLLBACK`); err != nil {
		t.log.Debug("replaced the writing connection", "error", err)
		t.discard()
	}
}

// commit commits and releases the connection. If the context ends first, the commit
// goes on, and commit returns ErrOutcomeUnknown.
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
		// The context's error is not wrapped: it would claim that nothing was written.
		return fmt.Errorf("%w: stopped waiting for COMMIT: %v", sale.ErrOutcomeUnknown, context.Cause(ctx)) //nolint:errorlint // see above
	}
}

// finish commits and releases the connection. After a failed COMMIT the transaction can
// be on disk all the same, except after a conflict, which comes before any write.
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

// prepare returns a prepared statement, which the connection keeps.
func (t *tx) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	return t.stmts.get(query, func() (*sql.Stmt, error) { return t.conn.PrepareContext(ctx, query) })
}

// statements maps the text of a statement to the prepared statement. Its size is
// bounded by the number of queries in this package.
type statements map[string]*sql.Stmt

// get returns a prepared statement. It is prepared at its first use, because none can
// be before the schema exists.
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

// close closes the statements. Call it before closing their connection.
func (s statements) close() {
	for _, stmt := range s {
		_ = stmt.Close() // closing the connection closes it too
	}
}
