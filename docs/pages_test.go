package docs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// notRun are generated pages, and why their blocks do not run in the test.
var notRun = map[string]string{
	"docs/runbooks/": "the drills provoke every alert with the patch of its runbook",
}

// readPages reads all pages of the repository. A page that breaks the rules fails the test.
func readPages(t *testing.T) (pages []*page) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case errors.Is(err, fs.ErrPermission):
			return filepath.SkipDir // the data of a server that another user has run here
		case err != nil:
			return err
		case entry.IsDir() && (name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") && name != ".."):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		p, err := parsePage(filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))), string(text))
		if err != nil {
			t.Error(err)
			return nil
		}
		for prefix, reason := range notRun {
			for i := range p.Blocks {
				if strings.HasPrefix(p.Path, prefix) {
					p.Blocks[i].NotRun = reason
				}
			}
		}
		pages = append(pages, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// TestEveryBlockRunsOrSaysWhyNot checks that `make docs-test` runs each shell block of each page, or that the block has a
// reason.
func TestEveryBlockRunsOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	run := 0
	for _, p := range readPages(t) {
		run += p.runs()
	}
	if run < 20 {
		t.Errorf("only %d blocks run", run)
	}
}
