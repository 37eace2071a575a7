// Package lock tells processes of one another by locks on files: several may
// share one, or a single one may own it. The system releases a lock when its
// process ends, however that comes.
package lock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrTaken is inside the error of a lock that another process holds.
var ErrTaken = errors.New("in use by another process")

// Lock is a lock that is held.
type Lock struct{ file *os.File }

// Share takes a lock that others may share. The file and its directory are made
// if they are not there. The error wraps [ErrTaken] if somebody owns the lock.
func Share(path string) (*Lock, error) { return take(path, false) }

// Own takes a lock that nobody else may hold. The file and its directory are
// made if they are not there. The error wraps [ErrTaken] if anybody holds it.
func Own(path string) (*Lock, error) { return take(path, true) }

func take(path string, exclusive bool) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(file, exclusive); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return &Lock{file}, nil
}

// Release gives the lock back. The file stays: removing it would let two
// processes hold locks on two files of the same name.
func (l *Lock) Release() error { return l.file.Close() }
