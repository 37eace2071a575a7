//go:build unix

package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"onsale/internal/store/sqlite"
)

// TestOnlyTheOwnerCanReadTheFiles checks file modes, which Windows does not have.
func TestOnlyTheOwnerCanReadTheFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "data")
	store := open(t, filepath.Join(dir, "onsale.db"), sqlite.Options{})
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]os.FileMode{dir: 0o700}
	for _, entry := range entries { // including the log and the shared memory
		want[filepath.Join(dir, entry.Name())] = 0o600
	}
	if len(want) < 4 {
		t.Errorf("files %v, want the database, its log and its shared memory", entries)
	}
	for path, mode := range want {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), info.Mode().Perm(), mode)
		}
	}
}
