package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"onsale/internal/lock"
)

// ErrUsed is returned by [New] when another onsale uses the data directory that
// is to be wiped.
var ErrUsed = errors.New("another onsale uses it: stop that one first")

// lockFile is the file in the data directory that all processes which use it lock.
const lockFile = "lock"

// Kept names what Onsale has put into its data directory. It refuses where the
// sale is kept elsewhere, since wiping would then tear the two apart.
func Kept(o Options) ([]string, error) {
	if o.DatabaseURLSet {
		return nil, errors.New("--fresh wipes the data directory, but DATABASE_URL keeps the sale elsewhere: wipe that database by hand, and unset --fresh")
	}
	var kept []string
	for _, name := range []string{"onsale.db", "onsale.db-wal", "onsale.db-shm", "inbox.json"} {
		if info, err := os.Stat(filepath.Join(o.DataDir, name)); err == nil && !info.IsDir() {
			kept = append(kept, name)
		}
	}
	// A directory of such a name is Onsale's if it has what Onsale puts there.
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

// claim says that this process uses the data directory, after wiping what
// [Options.Wipe] names. Nothing is wiped that another process uses.
func (a *App) claim() error {
	o := a.options
	if o.DatabaseURLSet && o.Up == nil {
		return nil // nothing is kept there
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

// wipe removes files and directories. First all are moved aside, so that what
// cannot be removed stops it before anything is.
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
