package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	// A fenced block holds no links and no headings.
	fencedBlock = regexp.MustCompile("(?ms)^ *```.*?\n *```$")
	// A link's text may have one pair of brackets in it.
	pageLink    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	pageHeading = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	headingLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// TestLinksLeadSomewhere checks that each file of this repository that a page links to exists, and has the heading in
// the link.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	links := 0
	for _, p := range readPages(t) {
		text, err := os.ReadFile(filepath.Join("..", p.Path))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range pageLink.FindAllSubmatch(fencedBlock.ReplaceAll(text, nil), -1) {
			link := string(found[1])
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			links++
			if why := deadLink(p.Path, link); why != "" {
				t.Errorf("%s links to %s: %s", p.Path, link, why)
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links were found", links)
	}
}

// deadLink returns why a link of a page is dead, or an empty string.
func deadLink(page, link string) string {
	name, anchor, _ := strings.Cut(link, "#")
	path := filepath.Join("..", page)
	if name != "" {
		path = filepath.Join("..", filepath.Dir(page), filepath.FromSlash(name))
	}
	info, err := os.Stat(path)
	if err != nil {
		return "there is no such file"
	}
	if anchor == "" || info.IsDir() || filepath.Ext(path) != ".md" {
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	seen := map[string]bool{}
	for _, found := range pageHeading.FindAllSubmatch(fencedBlock.ReplaceAll(text, nil), -1) {
		seen[headingAnchor(string(found[1]))] = true
	}
	if !seen[anchor] {
		return "the page has no such heading"
	}
	return ""
}

// headingAnchor returns what GitHub makes of a heading: letters, digits, hyphens and
// underscores stay, spaces become hyphens.
func headingAnchor(heading string) string {
	heading = headingLink.ReplaceAllString(strings.TrimSpace(heading), "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}

// TestDeadLinksAreFound is the negative control.
func TestDeadLinksAreFound(t *testing.T) {
	t.Parallel()
	for link, dead := range map[string]bool{
		"items.md":                              false,
		"items.md#the-calls":                    false,
		"#differences-from-the-earlier-service": false,
		"../README.md#what-it-is-good-for":      false,
		"examples":                              false,
		"nowhere.md":                            true,
		"items.md#nowhere":                      true,
		"#nowhere":                              true,
		"../docs/examples/stress/items.yml":     true,
	} {
		if why := deadLink("docs/items.md", link); (why != "") != dead {
			t.Errorf("%s: %q", link, why)
		}
	}
}

// TestTutorialsAreListed: docs/tutorials/README.md names every tutorial.
func TestTutorialsAreListed(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile("tutorials/README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("tutorials/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := filepath.Base(file); name != "README.md" && !strings.Contains(string(index), "]("+name+")") {
			t.Errorf("docs/tutorials/README.md does not list %s", name)
		}
	}
}
