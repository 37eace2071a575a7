package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Kept names what Onsale has put into its data directory. It refuses where the
// sale is kept elsewhere, since wiping would then tear the two apart.
func Kept(o Options) ([]string, error) {
	if o.DatabaseURLSet {
		return nil, errors.New("--fresh wipes the data directory, but DATABASE_URL keeps the sale elsewhere: wipe that database by hand, and unset --fresh")
	}
	entries, err := os.ReadDir(o.DataDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	ours := []string{"onsale.db*", "prometheus", "alertmanager", "inbox.json*"}
	var kept []string
	for _, entry := range entries {
		if slices.ContainsFunc(ours, func(pattern string) bool {
			match, err := filepath.Match(pattern, entry.Name())
			return err == nil && match
		}) {
			kept = append(kept, entry.Name())
		}
	}
	return kept, nil
}

// Wipe removes what [Kept] names, and nothing else.
func Wipe(o Options) error {
	kept, err := Kept(o)
	if err != nil {
		return err
	}
	for _, name := range kept {
		if err := os.RemoveAll(filepath.Join(o.DataDir, name)); err != nil {
			return fmt.Errorf("--fresh: %w", err)
		}
	}
	return nil
}
