// Package lock lets processes lock files. Several processes can share a lock, or one
// process can own it. The operating system releases a lock when its process ends, even
// after a crash.
package lock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrTaken is wrapped in the error if another process holds the lock.
var ErrTaken = errors.New("in use by another process")

// Lock is a held lock.
type Lock struct{ file *os.File }

// Share takes a lock that other processes can share. It creates the file and its
// directory if they do not exist. The error wraps [ErrTaken] if another process owns
// the lock.
func Share(path string) (*Lock, error) { return take(path, false) }

// Own takes a lock that no other process can hold. It creates the file and its
// directory if they do not exist. The error wraps [ErrTaken] if another process holds
// the lock.
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

// Release releases the lock. The file stays: if it were removed, two processes could
// lock two files of the same name.
func (l *Lock) Release() error { return l.file.Close() }
