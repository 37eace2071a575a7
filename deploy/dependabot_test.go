// Package deploy_test holds files that no program of this repository reads to the rest of it.
package deploy_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// root is the directory of the repository.
const root = ".."

// TestDependabotKnowsEveryDirectory: a module, package or image that is not in Dependabot's file
// is never updated.
func TestDependabotKnowsEveryDirectory(t *testing.T) {
	t.Parallel()
	var config struct {
		Version int
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directories []string
			Schedule    struct{ Interval string }
			Groups      map[string]struct{ Patterns []string }
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(readFile(t, ".github/dependabot.yml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&config); err != nil {
		t.Fatal(err)
	}
	if config.Version != 2 {
		t.Errorf("version %d, want 2", config.Version)
	}
	told := map[string][]string{}
	for _, u := range config.Updates {
		if u.Schedule.Interval != "weekly" || len(u.Directories) == 0 || told[u.Ecosystem] != nil {
			t.Errorf("%s: %+v, want one entry with directories and interval weekly", u.Ecosystem, u)
		}
		told[u.Ecosystem] = u.Directories
	}
	there := ecosystems(t)
	for _, ecosystem := range []string{"gomod", "npm", "github-actions", "devcontainers"} {
		if len(there[ecosystem]) == 0 {
			t.Errorf("nothing for %s was found: this test looks in the wrong place", ecosystem)
		}
	}
	for ecosystem, directories := range there {
		for _, directory := range directories {
			if !slices.Contains(told[ecosystem], directory) {
				t.Errorf("Dependabot's file lacks %s in %s", ecosystem, directory)
			}
		}
	}
	for ecosystem, directories := range told {
		for _, directory := range directories {
			if info, err := os.Stat(filepath.Join(root, filepath.FromSlash(directory))); err != nil || !info.IsDir() {
				t.Errorf("Dependabot's file has %s in %s, which is not a directory", ecosystem, directory)
			}
		}
	}
}

// ecosystems returns the directories in which there is something to update, by the names that
// Dependabot uses.
func ecosystems(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	add := func(ecosystem, directory string) {
		if !slices.Contains(found[ecosystem], directory) {
			found[ecosystem] = append(found[ecosystem], directory)
		}
	}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "bin", "node_modules", "testdata"}, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		directory := path.Dir("/" + name)
		base := path.Base(name)
		isYAML := path.Ext(base) == ".yml" || path.Ext(base) == ".yaml"
		switch {
		case base == "go.mod":
			add("gomod", directory)
		case base == "package.json":
			add("npm", directory)
		case strings.HasPrefix(base, "Dockerfile") || strings.HasSuffix(base, ".Dockerfile"):
			add("docker", directory)
		case isYAML && (strings.HasPrefix(base, "compose.") || strings.HasPrefix(base, "docker-compose.")):
			add("docker-compose", directory)
		case isYAML && strings.HasPrefix(name, ".github/workflows/"):
			add("github-actions", "/")
		case base == "devcontainer.json":
			add("devcontainers", "/")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// readFile returns a file of the repository.
func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
