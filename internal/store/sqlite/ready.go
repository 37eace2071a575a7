package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"onsale/internal/sale"
)

// Statements of a trial: those of a sale, on no rows.
const (
	tryPurchase = `INSERT INTO purchases (id, concert_id, user_email, quantity, idempotency_key, created_at)
		SELECT '', 0, '', 0, NULL, '' WHERE 0`
	tryCount = `UPDATE concerts SET sold = sold + 0 WHERE 0`
)

// TryWrite implements [sale.Ledger]. After a failure of the disk it also checks that
// the disk can store more than a batch.
func (s *Store) TryWrite(ctx context.Context) error {
	const op = "try to sell"
	if err := s.writer.probe(); err != nil {
		return fmt.Errorf("%s: %w", op, diskObstacle(err))
	}
	err := wrap(op, s.writer.try(ctx))
	if errors.Is(err, sale.ErrConflict) {
		return nil // another process writes
	}
	return err
}

// try runs the statements of a sale and rolls back. If the connection is in use until
// ctx ends, it returns nil: the transaction on it will show whether the database works.
// A connection that failed is replaced, because it can be read-only.
func (w *writer) try(ctx context.Context) (err error) {
	select {
	case w.slot <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	defer w.release()
	t := &tx{writer: w, ctx: context.WithoutCancel(ctx)}
	defer func() {
		t.rollback()
		if err != nil {
			w.discard()
		}
	}()
	if err := t.begin(); err != nil {
		return err
	}
	if _, err := t.exec(tryPurchase); err != nil {
		return err
	}
	_, err = t.exec(tryCount)
	return err
}

// reasonOfCode returns why nobody can buy after an error with a primary result code, or
// "" if the code does not show it. Reasons are shown to everybody, so they contain no
// internals.
func reasonOfCode(code int) string {
	switch code {
	case codes.SQLITE_FULL:
		return "the database has no disk space left"
	case codes.SQLITE_IOERR:
		return "the disk of the database reports errors"
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_AUTH:
		return "the database is read-only"
	case codes.SQLITE_CANTOPEN:
		return "the database file cannot be opened"
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return "the database file is damaged"
	case codes.SQLITE_NOMEM:
		return "the database has no memory left"
	case codes.SQLITE_ERROR:
		return "the database lacks a table or column that this server needs"
	}
	return ""
}

// diskObstacle returns an error of the disk as an obstacle. It does not wrap the error
// of the failed sale: that sale's outcome can be unknown, but later ones were not
// written.
func diskObstacle(err error) *sale.ObstacleError {
	reason := reasonOfCode(codes.SQLITE_IOERR)
	if o := obstacleOf(err); o != nil {
		reason = o.Reason
	}
	return &sale.ObstacleError{Reason: reason, Err: errors.New(err.Error())}
}

// obstacleOf returns the obstacle for an error of SQLite, or nil if there is none.
func obstacleOf(err error) *sale.ObstacleError {
	var fault *driver.Error
	if !errors.As(err, &fault) {
		return nil
	}
	reason := reasonOfCode(fault.Code() & 0xff)
	if reason == "" {
		return nil
	}
	return &sale.ObstacleError{Reason: reason, Err: err}
}
