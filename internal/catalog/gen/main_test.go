package main

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
)

// repository is the root of this module, seen from this package.
const repository = "../../.."

var update = flag.Bool("update", false, "write the files, as make generate does")

// TestAllIsCommitted compares the generator's output with the committed files.
func TestAllIsCommitted(t *testing.T) {
	if *update {
		if err := writeAll(repository, repository); err != nil {
			t.Fatal(err)
		}
	}
	root := t.TempDir()
	if err := writeAll(repository, root); err != nil {
		t.Fatal(err)
	}
	written := os.DirFS(root)
	err := fs.WalkDir(written, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		want, err := fs.ReadFile(written, path)
		if err != nil {
			return err
		}
		if got, err := os.ReadFile(filepath.Join(repository, path)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from the generator's output (%v): run make generate", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{
		runbooks, "deploy/alertmanager", "deploy/grafana/dashboards", "deploy/grafana/provisioning/alerting",
		"deploy/grafana/provisioning/dashboards", "deploy/grafana/provisioning/datasources",
		chartFiles, chartFiles + "prometheus", chartFiles + "alertmanager", chartFiles + "grafana", chartFiles + "grafana/dashboards",
		chartFiles + "grafana/provisioning", chartFiles + "grafana/provisioning/dashboards", chartFiles + "grafana/provisioning/datasources",
	} {
		want, got := names(t, written, dir), names(t, os.DirFS(repository), dir)
		if !slices.Equal(got, want) {
			t.Errorf("%s contains %q, but the generator writes %q", dir, got, want)
		}
	}
}

// names returns the paths of the files in a directory.
func names(t *testing.T, tree fs.FS, dir string) []string {
	t.Helper()
	found, err := fs.Glob(tree, path.Join(dir, "*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s has no files: %v", dir, err)
	}
	return found
}

// The generator removes the pages of alerts that no longer exist, and no other
// file.
func TestOldRunbooksAreRemoved(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old, other := filepath.Join(root, runbooks, "Gone.md"), filepath.Join(root, "docs", "other.md")
	for _, name := range []string{old, other} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeAll(repository, root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old page still exists: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
