package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"onsale/internal/sale"
)

// wrap says in the words of package sale what went wrong.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	if o := obstacleOf(err); o != nil && !said(err) {
		return fmt.Errorf("%s: %w", op, o)
	}
	if kind := kindOf(err); kind != nil {
		return fmt.Errorf("%s: %w: %w", op, kind, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// kindOf returns the sentinel of package sale that the error stands for, or nil
// when it is one already, the context's, or none of the database's.
func kindOf(err error) error {
	var fault *driver.Error
	if !errors.As(err, &fault) || said(err) {
		return nil
	}
	switch extended := fault.Code(); extended {
	case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY, codes.SQLITE_CONSTRAINT_ROWID:
		return sale.ErrConflict // a name that is written already
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
	// The disk, the file, the memory, or a schema that is not there yet: all
	// statements are this package's own, and right.
	return sale.ErrUnavailable
}

// diskFails reports whether the error is that of a disk that is full or does not
// write.
func diskFails(err error) bool {
	var fault *driver.Error
	if !errors.As(err, &fault) {
		return false
	}
	code := fault.Code() & 0xff
	return code == codes.SQLITE_FULL || code == codes.SQLITE_IOERR
}

// away says that the database does not serve, unless the error says already
// what is the matter.
func away(err error) error {
	var fault *driver.Error
	if errors.As(err, &fault) || said(err) {
		return err
	}
	return fmt.Errorf("%w: %w", sale.ErrUnavailable, err)
}

// said reports whether the error says already what it means to the caller.
func said(err error) bool {
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
