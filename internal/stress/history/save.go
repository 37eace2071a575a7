package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"onsale/internal/stress/result"
)

// Save saves a run under its ID, and removes the oldest runs beyond 50. The run is on
// the disk when Save returns; this is true even if the removal failed. Errors wrap
// [ErrID] and [ErrTaken].
func (s *Store) Save(r result.Run) error {
	if !idForm.MatchString(r.ID) {
		return fmt.Errorf("save run %q: %w", r.ID, ErrID)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("save run %s: %w", r.ID, err)
	}
	if err := s.write(r.ID, append(text, '\n')); err != nil {
		return fmt.Errorf("save run %s: %w", r.ID, err)
	}
	if err := s.prune(r.ID); err != nil {
		return fmt.Errorf("remove old runs: %w", err)
	}
	return nil
}

// write writes the file atomically. Its temporary name contains the ID and is created
// exclusively: of two processes with the same ID, one fails instead of overwriting the
// other's file.
func (s *Store) write(id string, text []byte) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	temp := filepath.Join(s.dir, newPrefix+id)
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return ErrTaken
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if _, there := os.Lstat(s.path(id)); err == nil && there == nil {
		err = ErrTaken
	}
	if err == nil {
		err = os.Rename(temp, s.path(id))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return s.sync()
}

// sync syncs the directory. Windows has no such call for directories.
func (s *Store) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// prune removes the oldest runs, but never the one just saved, which is the oldest if
// the clock was set back. Another process may have removed them already.
func (s *Store) prune(saved string) error {
	ids, err := s.ids()
	if err != nil {
		return err
	}
	for i := len(ids) - 1; i >= maxRuns; i-- {
		if ids[i] != saved {
			err = errors.Join(err, removed(s.path(ids[i])))
		}
	}
	return errors.Join(err, s.removeStale())
}

// removeStale removes partly written files that crashes left.
func (s *Store) removeStale() error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if id, ok := strings.CutPrefix(f.Name(), newPrefix); !ok || !idForm.MatchString(id) {
			continue
		}
		if info, gone := f.Info(); gone == nil && time.Since(info.ModTime()) > staleAfter {
			err = errors.Join(err, removed(filepath.Join(s.dir, f.Name())))
		}
	}
	return err
}

func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
