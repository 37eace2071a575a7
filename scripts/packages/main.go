// Command packages draws which packages of Onsale import which, as a Mermaid flowchart in
// docs/architecture.md. An import that others imply is left out: if a imports b and b imports c,
// the arrow from a to c is not drawn.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

//go:generate go run . -root ../..

// The drawing replaces the text between these.
const (
	begin = "`make generate` draws the imports:\n\n```mermaid\n"
	end   = "```\n"
)

func main() {
	root := flag.String("root", ".", "root `directory` of the repository")
	flag.Parse()
	if err := draw(*root); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

// draw writes the drawing into the document.
func draw(root string) error {
	list := exec.CommandContext(context.Background(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./cmd/...", "./internal/...")
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("list packages: %w", err)
	}
	file := root + "/docs/architecture.md"
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, found := bytes.Cut(rest, []byte(end))
	if !ok || !found {
		return fmt.Errorf("%s lacks a block that begins with %q", file, begin)
	}
	drawing := begin + flowchart(imports(string(out))) + end
	return os.WriteFile(file, slices.Concat(before, []byte(drawing), after), 0o644)
}

// imports returns what each group of packages imports. A group is a directory below internal with everything
// in it, or cmd. Packages that only tests import are left out.
func imports(list string) map[string]map[string]bool {
	graph := make(map[string]map[string]bool)
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		from := group(fields[0])
		for _, imported := range fields[1:] {
			if to := group(imported); from != "" && to != "" && to != from {
				if graph[from] == nil {
					graph[from] = make(map[string]bool)
				}
				graph[from][to] = true
			}
		}
	}
	return graph
}

// group returns the name of a package's group, or nothing for a package of others or one for tests.
func group(path string) string {
	name, ok := strings.CutPrefix(path, "onsale/")
	if !ok || strings.HasSuffix(name, "test") {
		return ""
	}
	if below, ok := strings.CutPrefix(name, "internal/"); ok {
		name, _, _ = strings.Cut(below, "/")
		return name
	}
	name, _, _ = strings.Cut(name, "/")
	return name
}

// flowchart returns the arrows that no other path implies.
func flowchart(graph map[string]map[string]bool) string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	for _, from := range slices.Sorted(maps.Keys(graph)) {
		for _, to := range slices.Sorted(maps.Keys(graph[from])) {
			implied := false
			for by := range graph[from] {
				implied = implied || by != to && reaches(graph, by, to)
			}
			if !implied {
				fmt.Fprintf(&b, "  %s --> %s\n", from, to)
			}
		}
	}
	return b.String()
}

// reaches reports whether a path leads from one group to another. There are no cycles.
func reaches(graph map[string]map[string]bool, from, to string) bool {
	for next := range graph[from] {
		if next == to || reaches(graph, next, to) {
			return true
		}
	}
	return false
}
