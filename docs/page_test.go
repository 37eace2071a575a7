// Package docs_test runs the commands of the documents as a reader would. `make docs-test` runs all
// pages; CONTRIBUTING.md says how a page marks what cannot run here.
package docs_test

import (
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

// A block is one fenced shell block, and what the comments above it say.
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

// An output is what a page says that a block prints.
type output struct {
	Line int
	Text []string
	Has  bool // other lines may stand between
}

var (
	fence   = regexp.MustCompile("^(\\s*)(`{3,}|~{3,})\\s*([^\\s`]*)\\s*$")
	comment = regexp.MustCompile(`^\s*<!--\s*(.*?)\s*-->\s*$`)
	exit    = regexp.MustCompile(`^exit ((0 )?[1-9]\d{0,2})( [1-9]\d{0,2})*$`)
	// The status of go run is 1 after Ctrl-C, whatever the program's is.
	interrupt = regexp.MustCompile(`^interrupt( [1-9]\d{0,2})?$`)
	// Comments that only other tests read.
	foreign = regexp.MustCompile(`^test: `)
)

// parsePage reads a page. An error names the line, and what was expected there.
func parsePage(path, text string) (*page, error) {
	p := &page{Path: path, lines: strings.Split(text, "\n"), set: make(map[int][]string)}
	rest := "" // why the page's blocks do not run, if it says so
	marks := make(map[int]string)
	fail := func(at int, format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", path, at+1, fmt.Sprintf(format, args...))
	}
	for i := 0; i < len(p.lines); i++ {
		line := p.lines[i]
		if strings.TrimSpace(line) == "<!-- setup" {
			end := i + 1
			for end < len(p.lines) && strings.TrimSpace(p.lines[end]) != "-->" {
				end++
			}
			if end == len(p.lines) {
				return nil, fail(i, "the setup has no line --> behind it")
			}
			p.set[i] = p.lines[i+1 : end]
			i = end
			continue
		}
		if found := comment.FindStringSubmatch(line); found != nil {
			reason, whole := strings.CutPrefix(found[1], "page not run:")
			switch {
			case whole && strings.TrimSpace(reason) == "":
				return nil, fail(i, "expected a reason behind page not run:")
			case whole:
				rest = strings.TrimSpace(reason)
			case interrupt.MatchString(found[1]):
				p.set[i] = []string{found[1]}
			default:
				marks[i] = found[1]
			}
			continue
		}
		found := fence.FindStringSubmatch(line)
		if found == nil {
			if strings.TrimSpace(line) != "" {
				clear(marks)
			}
			continue
		}
		first := i
		var code []string
		for i++; i < len(p.lines) && strings.TrimSpace(p.lines[i]) != found[2]; i++ {
			code = append(code, strings.TrimPrefix(p.lines[i], found[1]))
		}
		if i == len(p.lines) {
			return nil, fail(first, "the block has no end")
		}
		switch found[3] {
		case "sh":
			b := block{First: first + 1, Last: i + 1, Code: code, NotRun: rest}
			if err := b.mark(marks); err != nil {
				return nil, fail(first, "%v", err)
			}
			p.Blocks = append(p.Blocks, b)
		case "bash", "shell", "console", "zsh", "shellscript", "shell-session":
			return nil, fail(first, "expected the language sh, found %s: only blocks of sh are run", found[3])
		default:
			for _, mark := range marks {
				if name, ok := strings.CutPrefix(mark, "file: "); ok {
					p.files = append(p.files, file{name, first, code})
					continue
				}
				if mark != "output" && mark != "output has" {
					return nil, fail(first, "<!-- %s --> above a block that is not of sh is not known: expected output, output has, or file: NAME", mark)
				}
				if len(p.Blocks) == 0 {
					return nil, fail(first, "there is no sh block above this output")
				}
				p.Blocks[len(p.Blocks)-1].Want = &output{Line: first + 1, Text: code, Has: mark == "output has"}
			}
		}
		clear(marks)
	}
	return p, nil
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

// runs says how many blocks of the page run here.
func (p *page) runs() (n int) {
	for i := range p.Blocks {
		if p.Blocks[i].NotRun == "" {
			n++
		}
	}
	return n
}

// script returns the page as a shell script whose lines have the numbers that they have on the page, so that
// what the shell says of a line is true of the page. The functions are those of scripts/docs-page.sh.
func (p *page) script() string {
	lines := make([]string, len(p.lines))
	for at, commands := range p.set {
		if len(commands) == 1 && interrupt.MatchString(commands[0]) {
			lines[at] = commands[0]
			continue
		}
		lines[at] = fmt.Sprintf("begin %d", at+1)
		copy(lines[at+1:], commands)
		lines[at+1+len(commands)] = "end"
	}
	for _, f := range p.files {
		lines[f.first] = fmt.Sprintf("begin %d; cat >%s <<'END OF FILE'", f.first+1, quote(f.name))
		copy(lines[f.first+1:], f.text)
		lines[f.first+1+len(f.text)] = "END OF FILE"
	}
	for i := range p.Blocks {
		b := &p.Blocks[i]
		if b.NotRun != "" {
			continue
		}
		head, tail := "begin %d", "end"
		switch {
		case b.Background != "":
			head, tail = "begin %d; { trap - ERR", "} & started "+quote(b.Background)
		case b.Exit != "":
			head, tail = "begin %d; expecting; ( set -e", fmt.Sprintf("); ended $? %s; end", b.Exit)
		}
		lines[b.First-1] = fmt.Sprintf(head, b.First)
		copy(lines[b.First:], b.Code)
		lines[b.Last-1] = tail
	}
	return strings.Join(lines, "\n") + "\n"
}

func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// differs compares what a block printed with what the page says. An … on the page stands for anything within
// a line; a line of one … stands for any number of lines. It returns the first line of the page that has no
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
