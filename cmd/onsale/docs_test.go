package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestSecurityPageNamesTests: each test that docs/security.md names must exist.
func TestSecurityPageNamesTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	err = filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(source, -1) {
			there[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllSubmatch(page, -1)
	if len(names) < 50 {
		t.Errorf("the page names %d tests, want those of all attacks", len(names))
	}
	for _, name := range names {
		if !there[string(name[1])] {
			t.Errorf("the page names the test %s, which does not exist", name[1])
		}
	}
}

// shellBlocks returns the lines of the shell blocks of a page. It joins lines that end in a
// backslash.
func shellBlocks(text string) (lines []string) {
	inside := false
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside:
			lines = append(lines, line)
		}
	}
	return lines
}

// words splits a line like a shell, as far as the documents need it: it supports quotes, and
// a comment, an ampersand or a redirection ends the command.
func words(line string) (all []string) {
	for _, found := range regexp.MustCompile(`('[^']*'|"[^"]*"|[^\s'"])+`).FindAllString(line, -1) {
		if strings.HasPrefix(found, "#") || found == "&" || found == ">" {
			break
		}
		all = append(all, strings.NewReplacer("'", "", `"`, "").Replace(found))
	}
	return all
}

// TestDocumentsRunAsPasted: each onsale command in a document runs the binary of `make build`
// or `go run`, which a clone has, and its flags exist.
func TestDocumentsRunAsPasted(t *testing.T) {
	t.Parallel()
	pages := []string{"../../README.md", "../../CONTRIBUTING.md", "../../SECURITY.md"}
	err := filepath.WalkDir("../../docs", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		built := false
		for _, line := range shellBlocks(string(text)) {
			built = built || line == "make build"
			command := words(line)
			for len(command) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(command[0]) {
				command = command[1:]
			}
			switch {
			case len(command) == 0:
				continue
			case command[0] == "onsale":
				t.Errorf("%s: %q runs onsale, which is not on the PATH: run bin/onsale", page, line)
				command = command[1:]
			case command[0] == "bin/onsale":
				if !built {
					t.Errorf("%s: %q runs the binary before a block with make build", page, line)
				}
				command = command[1:]
			case len(command) > 3 && strings.HasPrefix(line, "go run ./cmd/onsale "):
				command = command[3:]
			default:
				continue
			}
			commands++
			parser, err := newParser(new(cli), kong.Exit(func(int) {}))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(command); err != nil {
				t.Errorf("%s: %q: %v", page, line, err)
			}
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands were found", commands)
	}
}
