package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"onsale/internal/lock"
)

// ErrUsed is returned by [New] if [Options].Wipe is set and another onsale process uses the
// data directory.
var ErrUsed = errors.New("another onsale process uses it: stop that process first")

// lockFile is a file in the data directory. Every process that uses the directory locks it.
const lockFile = "lock"

// Kept returns the names of the files and directories that Onsale has created in its data
// directory. It returns an error if DATABASE_URL is set: after wiping, the metrics and the
// database would not fit together.
func Kept(o Options) ([]string, error) {
	if o.DatabaseURLSet {
		return nil, errors.New("--fresh wipes the data directory, but the tickets are in the database of DATABASE_URL: leave out --fresh, and wipe that database yourself")
	}
	var kept []string
	for _, name := range []string{"onsale.db", "onsale.db-wal", "onsale.db-shm", "inbox.json"} {
		if info, err := os.Stat(filepath.Join(o.DataDir, name)); err == nil && !info.IsDir() {
			kept = append(kept, name)
		}
	}
	// A directory with this name is Onsale's if it contains one of these files.
	for _, dir := range []struct{ name, sign, other string }{
		{"prometheus", "wal", "lock"},
		{"alertmanager", "nflog", "silences"},
	} {
		path := filepath.Join(o.DataDir, dir.name)
		if exists(filepath.Join(path, dir.sign)) || exists(filepath.Join(path, dir.other)) {
			kept = append(kept, dir.name)
		}
	}
	return kept, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// claim locks the data directory for this process, after wiping what [Options.Wipe] names.
// It wipes nothing if another process uses the directory.
func (a *App) claim() error {
	o := a.options
	if o.DatabaseURLSet && o.Up == nil {
		return nil // the directory is not used
	}
	path := filepath.Join(o.DataDir, lockFile)
	if len(o.Wipe) > 0 {
		owned, err := lock.Own(path)
		if errors.Is(err, lock.ErrTaken) {
			return fmt.Errorf("--fresh: %s: %w", o.DataDir, ErrUsed)
		}
		if err != nil {
			return fmt.Errorf("--fresh: %w", err)
		}
		if err := errors.Join(wipe(o.DataDir, o.Wipe), owned.Release()); err != nil {
			return fmt.Errorf("--fresh: %w", err)
		}
		a.say("removed %v from %s", o.Wipe, o.DataDir)
	}
	shared, err := lock.Share(path)
	if err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	a.parts.OnStop("lock of the data directory", closeLimit, func(context.Context) error { return shared.Release() })
	return nil
}

// wipe removes files and directories. It first moves all of them into one directory. If one
// cannot be moved, it moves the others back and removes nothing.
func wipe(dir string, names []string) error {
	aside, err := os.MkdirTemp(dir, "wiped-")
	if err != nil {
		return err
	}
	for i, name := range names {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(aside, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			for _, moved := range names[:i] {
				err = errors.Join(err, os.Rename(filepath.Join(aside, moved), filepath.Join(dir, moved)))
			}
			return errors.Join(err, os.Remove(aside))
		}
	}
	return os.RemoveAll(aside)
}
