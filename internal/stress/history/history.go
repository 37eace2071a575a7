// Package history keeps the reports of past runs, so that one can be compared
// with another: a JSON file a run, in the directory runs below the data
// directory.
//
// Files appear whole or not at all, and several processes may keep, list and
// remove runs at once.
package history

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of what is kept.
const (
	// maxRuns is how many runs are kept; older ones are removed.
	maxRuns = 50
	// maxFile is how large a run's file may be, in bytes: a report with the
	// longest series and a thousand names has some 2 MB.
	maxFile = 64 << 20
	// staleAfter is how old a half-written file must be before it counts as one
	// that a crash left: nobody writes one for that long.
	staleAfter = time.Hour
)

// The errors of this package.
var (
	// ErrNotFound says that no run is kept under what was asked for.
	ErrNotFound = errors.New("no such run")
	// ErrAmbiguous says that several runs begin with what was asked for.
	ErrAmbiguous = errors.New("several runs begin so")
	// ErrDamaged says that a run's file cannot be read as one.
	ErrDamaged = errors.New("damaged")
	// ErrTaken says that a run is kept under the ID already.
	ErrTaken = errors.New("the ID is taken")
	// ErrID says that an ID is not one of [NewID].
	ErrID = errors.New("not the ID of a run, such as 20261122-085900-7f3a")
)

// Store keeps runs in a directory. It is safe for concurrent use, also by
// several processes.
type Store struct{ dir string }

// New returns the store of a data directory. Nothing is made before the first
// run is saved.
func New(dataDir string) *Store { return &Store{filepath.Join(dataDir, "runs")} }

// The parts of a file's name.
const (
	suffix    = ".json"
	newPrefix = ".new-"
)

var idForm = regexp.MustCompile(`^\d{8}-\d{6}-[0-9a-f]{4}$`)

// NewID names a run that starts now: 20261122-085900-7f3a. IDs sort by time, and
// the dice tell apart runs that start in the same second.
func NewID(now time.Time, dice *rand.Rand) string {
	return fmt.Sprintf("%s-%04x", now.UTC().Format("20060102-150405"), dice.IntN(1<<16))
}

func (s *Store) path(id string) string { return filepath.Join(s.dir, id+suffix) }

// ids returns the IDs of all files, the newest first.
func (s *Store) ids() ([]string, error) {
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var ids []string
	for _, f := range files {
		if id, ok := strings.CutSuffix(f.Name(), suffix); ok && idForm.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, nil
}
