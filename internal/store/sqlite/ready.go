package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"onsale/internal/sale"
)

// Statements of a trial: what a sale does, to no row.
const (
	tryPurchase = `INSERT INTO purchases (id, concert_id, user_email, quantity, idempotency_key, created_at)
		SELECT '', 0, '', 0, NULL, '' WHERE 0`
	tryCount = `UPDATE concerts SET sold = sold + 0 WHERE 0`
)

// TryWrite implements [sale.Ledger]. After the disk has failed it must take more
// than a batch as well.
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

// try does what a sale does, and rolls back. If the connection is in use until ctx
// ends, it does nothing: what becomes of the sale tells. A connection that failed is
// replaced, for it may be one that only reads.
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

// reasonOfCode returns what is in the way of purchases, as strangers may read it,
// when a call fails with a primary result code; empty if the code does not tell.
func reasonOfCode(code int) string {
	switch code {
	case codes.SQLITE_FULL:
		return "the database has no room left on its disk"
	case codes.SQLITE_IOERR:
		return "the disk of the database fails"
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_AUTH:
		return "the database is read-only"
	case codes.SQLITE_CANTOPEN:
		return "the file of the database cannot be opened"
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return "the file of the database is damaged"
	case codes.SQLITE_NOMEM:
		return "there is no memory left for the database"
	case codes.SQLITE_ERROR:
		return "the database lacks a table of this server"
	}
	return ""
}

// diskObstacle returns the error of a disk that does not take what is written, as an
// obstacle. That of the sale that found out is not wrapped: that its outcome may be
// unknown says nothing about those to come.
func diskObstacle(err error) *sale.ObstacleError {
	reason := reasonOfCode(codes.SQLITE_IOERR)
	if o := obstacleOf(err); o != nil {
		reason = o.Reason
	}
	return &sale.ObstacleError{Reason: reason, Err: errors.New(err.Error())}
}

// obstacleOf returns the obstacle that an error stands for, or nil if there is none.
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
