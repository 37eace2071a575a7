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

// Get returns the run that a word names: "last" or "@0", "last-1" or "@1" for
// the one before, an ID, or the beginning of one. Errors wrap [ErrNotFound],
// [ErrAmbiguous] and [ErrDamaged].
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

// find returns the ID of a file that is there: the word itself never becomes
// part of a path.
func (s *Store) find(word string) (string, error) {
	ids, err := s.ids()
	if err != nil {
		return "", err
	}
	if back, ok := stepsBack(word); ok {
		if back >= len(ids) {
			return "", fmt.Errorf("%w: %d are kept", ErrNotFound, len(ids))
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
		return "", fmt.Errorf("%w: %s and %s, say", ErrAmbiguous, found[0], found[1])
	}
}

// stepsBack reads last, last-N and @N.
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

// read decodes a run's file. Only a regular one is opened: a pipe of that name
// would wait for a writer for ever.
func (s *Store) read(id string, into any) error {
	info, err := os.Lstat(s.path(id))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// Another process has just removed it.
		return ErrNotFound
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is no regular file", ErrDamaged)
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

// mismatch says what is wrong with a file that is JSON, and not the run of its name.
func mismatch(id, inside string, schema int) error {
	if schema > result.Schema {
		return fmt.Errorf("%w: it is of schema %d, from a newer version of onsale", ErrDamaged, schema)
	}
	if schema != result.Schema || !idForm.MatchString(inside) {
		return fmt.Errorf("%w: it is no report", ErrDamaged)
	}
	return fmt.Errorf("%w: it holds run %s, not %s", ErrDamaged, inside, id)
}
