package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"onsale/internal/stress/result"
)

// Get returns a saved run: "last" or "@0", "last-1" or "@1" for the one before, an ID,
// or the beginning of an ID. Errors wrap [ErrNotFound], [ErrAmbiguous] and
// [ErrDamaged].
func (s *Store) Get(word string) (result.Run, error) {
	id, err := s.find(word)
	if err != nil {
		return result.Run{}, fmt.Errorf("find run %.40q: %w", word, err)
	}
	var r result.Run
	if err := s.read(id, &r); err != nil {
		return result.Run{}, fmt.Errorf("read run %s: %w", id, err)
	}
	if r.ID != id || r.Schema != result.Schema {
		return result.Run{}, fmt.Errorf("read run %s: %w", id, mismatch(id, r.ID, r.Schema))
	}
	return r, nil
}

// find returns the ID of an existing file. The word itself never becomes part of a
// path.
func (s *Store) find(word string) (string, error) {
	ids, err := s.ids()
	if err != nil {
		return "", err
	}
	if back, ok := stepsBack(word); ok {
		if back >= len(ids) {
			return "", fmt.Errorf("%w: there are %d", ErrNotFound, len(ids))
		}
		return ids[back], nil
	}
	found := slices.DeleteFunc(ids, func(id string) bool { return word == "" || !strings.HasPrefix(id, word) })
	switch len(found) {
	case 0:
		return "", ErrNotFound
	case 1:
		return found[0], nil
	default:
		return "", fmt.Errorf("%w: for example %s and %s", ErrAmbiguous, found[0], found[1])
	}
}

// stepsBack parses last, last-N and @N.
func stepsBack(word string) (int, bool) {
	if word == "last" {
		return 0, true
	}
	digits, ok := strings.CutPrefix(word, "@")
	if !ok {
		digits, ok = strings.CutPrefix(word, "last-")
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return int(n), ok && err == nil
}

// read decodes a run's file. It opens only regular files, because opening a named pipe
// would wait for a writer forever.
func (s *Store) read(id string, into any) error {
	info, err := os.Lstat(s.path(id))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// another process has just removed it
		return ErrNotFound
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is not a regular file", ErrDamaged)
	case info.Size() > maxFile:
		return fmt.Errorf("%w: it is larger than %d MiB", ErrDamaged, maxFile>>20)
	}
	file, err := os.Open(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// mismatch returns what is wrong with a JSON file that is not the run of its name.
func mismatch(id, inside string, schema int) error {
	if schema > result.Schema {
		return fmt.Errorf("%w: a newer version of onsale wrote it (schema %d)", ErrDamaged, schema)
	}
	if schema != result.Schema || !idForm.MatchString(inside) {
		return fmt.Errorf("%w: it is not a report", ErrDamaged)
	}
	return fmt.Errorf("%w: it contains run %s, not %s", ErrDamaged, inside, id)
}
