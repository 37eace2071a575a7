// Package history saves the reports of past runs, so that runs can be compared: one
// JSON file per run, in the directory runs below the data directory.
//
// Files are written atomically, and several processes can save, list and remove runs at
// once.
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

// Limits of the history.
const (
	// maxRuns is the number of saved runs; older ones are removed.
	maxRuns = 50
	// maxFile is the maximum size of a run's file, in bytes. A report with the longest
	// series and a thousand names has about 2 MB.
	maxFile = 64 << 20
	// staleAfter is the age at which a partly written file counts as left by a crash.
	staleAfter = time.Hour
)

// The errors of this package.
var (
	// ErrNotFound is returned if no saved run matches.
	ErrNotFound = errors.New("no such run")
	// ErrAmbiguous is returned if several runs match.
	ErrAmbiguous = errors.New("several runs match")
	// ErrDamaged is returned if a run's file cannot be read.
	ErrDamaged = errors.New("damaged")
	// ErrTaken is returned if a run with the ID is saved already.
	ErrTaken = errors.New("a run with this ID exists")
	// ErrID is returned for an ID that is not one of [NewID].
	ErrID = errors.New("not the ID of a run, such as 20261122-085900-7f3a")
)

// Store saves runs in a directory. It is safe for concurrent use, also by several
// processes.
type Store struct{ dir string }

// New returns the store of a data directory. It creates nothing before the first run is
// saved.
func New(dataDir string) *Store { return &Store{filepath.Join(dataDir, "runs")} }

// The parts of a file name.
const (
	suffix    = ".json"
	newPrefix = ".new-"
)

var idForm = regexp.MustCompile(`^\d{8}-\d{6}-[0-9a-f]{4}$`)

// NewID returns the ID of a run that starts now: 20261122-085900-7f3a. IDs sort by
// time. The random part distinguishes runs that start in the same second.
func NewID(now time.Time, random *rand.Rand) string {
	return fmt.Sprintf("%s-%04x", now.UTC().Format("20060102-150405"), random.IntN(1<<16))
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
