package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"onsale/internal/sale"
)

// wrap wraps an error in a sentinel of package sale.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	if o := obstacleOf(err); o != nil && !classified(err) {
		return fmt.Errorf("%s: %w", op, o)
	}
	if kind := kindOf(err); kind != nil {
		return fmt.Errorf("%s: %w: %w", op, kind, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// kindOf returns the sentinel of package sale for an error of SQLite. It returns nil
// if the error already is one, is the context's, or does not come from SQLite.
func kindOf(err error) error {
	var fault *driver.Error
	if !errors.As(err, &fault) || classified(err) {
		return nil
	}
	switch extended := fault.Code(); extended {
	case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY, codes.SQLITE_CONSTRAINT_ROWID:
		return sale.ErrConflict // another transaction wrote the same id or key
	default:
		return kindOfCode(extended & 0xff)
	}
}

// kindOfCode judges a primary result code; see https://sqlite.org/rescode.html.
func kindOfCode(code int) error {
	switch code {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return sale.ErrConflict
	case codes.SQLITE_CONSTRAINT, codes.SQLITE_TOOBIG, codes.SQLITE_MISMATCH, codes.SQLITE_RANGE:
		return sale.ErrRefused
	}
	// The disk, the file, the memory, or a missing schema. It is not the statement,
	// because all statements are this package's own.
	return sale.ErrUnavailable
}

// diskFails reports whether the error comes from a disk that is full or cannot write.
func diskFails(err error) bool {
	var fault *driver.Error
	if !errors.As(err, &fault) {
		return false
	}
	code := fault.Code() & 0xff
	return code == codes.SQLITE_FULL || code == codes.SQLITE_IOERR
}

// away wraps an error in ErrUnavailable, unless it comes from SQLite or is classified
// already.
func away(err error) error {
	var fault *driver.Error
	if errors.As(err, &fault) || classified(err) {
		return err
	}
	return fmt.Errorf("%w: %w", sale.ErrUnavailable, err)
}

// classified reports whether the error wraps a sentinel of package sale or is the
// context's.
func classified(err error) bool {
	for _, known := range []error{
		sale.ErrNotFound, sale.ErrConflict, sale.ErrUnavailable, sale.ErrRefused, sale.ErrOutcomeUnknown,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
