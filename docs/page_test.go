// Package docs_test runs the commands of the documents as a reader would. `make docs-test` runs all
// pages; CONTRIBUTING.md describes the marks of blocks that cannot run in the test.
package docs_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A page is a Markdown file with shell blocks.
type page struct {
	Path   string // from the root of the repository
	Blocks []block

	files []file
	lines []string
	set   map[int][]string // what a comment asks for at a line: setup commands, interrupt
}

// A block is one fenced shell block, with the marks above it.
type block struct {
	First, Last int // the lines of the two fences, counted from 1
	Code        []string

	NotRun     string // why it is left out; empty if it runs
	Background string // the text in its output that ends the wait, if it is left running
	Exit       string // the statuses of which it must end with one; empty for 0
	Want       *output
}

// A file is a block that the reader saves.
type file struct {
	name  string
	first int // the index of the line of its first fence
	text  []string
}

// An output is the output of a block according to its page.
type output struct {
	Line int
	Text []string
	Has  bool // other lines can appear in between
}

var (
	fence   = regexp.MustCompile("^(\\s*)(`{3,}|~{3,})\\s*([^\\s`]*)[^`]*$")
	quoted  = regexp.MustCompile("^\\s*>.*(```|~~~)")
	comment = regexp.MustCompile(`^\s*<!--\s*(.*?)\s*-->\s*$`)
	exit    = regexp.MustCompile(`^exit ((0 )?[1-9]\d{0,2})( [1-9]\d{0,2})*$`)
	// The status of go run is 1 after Ctrl-C, whatever the program's is.
	interrupt = regexp.MustCompile(`^interrupt( [1-9]\d{0,2})?$`)
	// Comments that only other tests read.
	foreign = regexp.MustCompile(`^test: `)
)

// A parser reads a page from top to bottom.
type parser struct {
	*page
	at    int            // the index of the line that is read
	marks map[int]string // the comments above the next block, by line
	rest  string         // why no block from here on runs; empty if blocks run
}

// parsePage reads a page. An error names the line, and what was expected there.
func parsePage(path, text string) (*page, error) {
	p := parser{
		page:  &page{Path: path, lines: strings.Split(text, "\n"), set: make(map[int][]string)},
		marks: make(map[int]string),
	}
	for ; p.at < len(p.lines); p.at++ {
		first, line := p.at, p.lines[p.at]
		var err error
		switch fences, comments := fence.FindStringSubmatch(line), comment.FindStringSubmatch(line); {
		case fences != nil:
			err = p.block(fences[1], fences[2], strings.ToLower(fences[3]))
			clear(p.marks)
		case comments != nil:
			err = p.comment(comments[1])
		case strings.TrimSpace(line) == "<!-- setup":
			err = p.setup()
		case quoted.MatchString(line):
			err = errors.New("a block within a quotation is not run: take it out")
		case strings.TrimSpace(line) != "":
			clear(p.marks)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, first+1, err)
		}
	}
	return p.page, nil
}

// setup reads commands that the reader does not see.
func (p *parser) setup() error {
	for end := p.at + 1; end < len(p.lines); end++ {
		if strings.TrimSpace(p.lines[end]) == "-->" {
			p.set[p.at] = p.lines[p.at+1 : end]
			p.at = end
			return nil
		}
	}
	return errors.New("the setup has no line --> behind it")
}

// comment reads a comment of one line.
func (p *parser) comment(text string) error {
	reason, whole := strings.CutPrefix(text, "page not run:")
	switch {
	case whole && strings.TrimSpace(reason) == "":
		return errors.New("page not run: has no reason behind it")
	case whole:
		p.rest = strings.TrimSpace(reason)
	case interrupt.MatchString(text):
		p.set[p.at] = []string{text}
	default:
		p.marks[p.at] = text
	}
	return nil
}

// block reads a block to its second fence.
func (p *parser) block(indent, end, language string) error {
	first := p.at
	var code []string
	for p.at++; p.at < len(p.lines) && strings.TrimSpace(p.lines[p.at]) != end; p.at++ {
		code = append(code, strings.TrimPrefix(p.lines[p.at], indent))
	}
	if p.at == len(p.lines) {
		return errors.New("the block has no end")
	}
	switch language {
	case "sh":
		b := block{First: first + 1, Last: p.at + 1, Code: code, NotRun: p.rest}
		if err := b.mark(p.marks); err != nil {
			return err
		}
		p.Blocks = append(p.Blocks, b)
		return nil
	case "bash", "shell", "console", "zsh", "shellscript", "shell-session":
		return fmt.Errorf("expected the language sh, found %s: only blocks of sh are run", language)
	}
	for _, mark := range p.marks {
		if name, ok := strings.CutPrefix(mark, "file: "); ok {
			p.files = append(p.files, file{name, first, code})
			continue
		}
		if mark != "output" && mark != "output has" {
			return fmt.Errorf("<!-- %s --> above a block that is not of sh is not known: expected output, output has, or file: NAME", mark)
		}
		if len(p.Blocks) == 0 {
			return errors.New("there is no sh block above this output")
		}
		p.Blocks[len(p.Blocks)-1].Want = &output{Line: first + 1, Text: code, Has: mark == "output has"}
	}
	return nil
}

// mark applies the comments above a block.
func (b *block) mark(marks map[int]string) error {
	for _, at := range slices.Sorted(maps.Keys(marks)) {
		name, value, _ := strings.Cut(marks[at], ":")
		value = strings.TrimSpace(value)
		switch {
		case name == "not run" && value != "":
			b.NotRun = value
		case marks[at] == "run":
			b.NotRun = ""
		case marks[at] == "background":
			b.Background = "ready on http"
		case name == "background" && value != "":
			b.Background = value
		case name == "here":
			code := strings.Join(b.Code, "\n")
			old, replacement, ok := strings.Cut(value+" ", " => ")
			replacement = strings.TrimSpace(replacement)
			if !ok || !strings.Contains(code, old) {
				return fmt.Errorf("expected OLD => NEW with an OLD of this block, found %q", value)
			}
			b.Code = strings.Split(strings.ReplaceAll(code, old, replacement), "\n")
		case exit.MatchString(marks[at]):
			b.Exit = strings.TrimPrefix(marks[at], "exit ")
		case foreign.MatchString(marks[at]):
		default:
			return fmt.Errorf("<!-- %s --> above the block is not known: expected not run: REASON, run, background, "+
				"background: TEXT, here: OLD => NEW, or exit STATUS", marks[at])
		}
	}
	return nil
}

// runs returns how many blocks of the page run in the test.
func (p *page) runs() (n int) {
	for i := range p.Blocks {
		if p.Blocks[i].NotRun == "" {
			n++
		}
	}
	return n
}

// differs compares the output of a block with the page. An … on the page matches anything within
// a line; a line of one … matches any number of lines. It returns the first line of the page that has no
// counterpart, or "" if there is none.
func (o *output) differs(got string) string {
	var pattern strings.Builder
	lines := strings.Split(strings.TrimRight(got, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	got = strings.Join(lines, "\n") + "\n"
	pattern.WriteString(`\A`)
	matched := ""
	anything := `(?s:.*\n)?`
	for _, want := range o.Text {
		if o.Has {
			pattern.WriteString(anything)
		}
		want = strings.TrimRight(want, " \t")
		if strings.TrimSpace(want) == "…" {
			pattern.WriteString(anything)
			continue
		}
		parts := strings.Split(want, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, `.*`) + `\n`)
		if !regexp.MustCompile(pattern.String()).MatchString(got) {
			return want
		}
		matched = want
	}
	if !o.Has && !regexp.MustCompile(pattern.String()+`\z`).MatchString(got) {
		return "nothing more after " + strconv.Quote(matched)
	}
	return ""
}
