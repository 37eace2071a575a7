package docs_test

import (
	"errors"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A prose is a paragraph, a cell of a table, a comment or a string literal.
type prose struct {
	Path string
	Line int
	Text string
	// Literal says that it is a string literal, which can also be code.
	Literal bool
}

var (
	generatedCode = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	inlineCode    = regexp.MustCompile("`[^`]*`")
	linkTarget    = regexp.MustCompile(`\]\([^)]*\)`)
	htmlComment   = regexp.MustCompile(`(?s)<!--.*?-->`)
	// A block of Markdown that begins on a line of its own.
	markdownStart = regexp.MustCompile(`^\s*(?:[-*] |\d+\. |#+ )`)
)

// readProse returns the prose of all files of the tree, except those of neverPlain.
func readProse(t *testing.T) (all []prose) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case errors.Is(err, fs.ErrPermission):
			return filepath.SkipDir // the data of a server that another user ran here
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "node_modules", "testdata", "bin", "dist"}, name):
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		path = filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		if slices.ContainsFunc(neverPlain, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) || !hasProse(path) {
			return nil
		}
		text, err := os.ReadFile(filepath.Join("..", path))
		all = append(all, proseOf(path, text)...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// hashComments are the files whose comments begin with #, by extension or name.
var hashComments = []string{".sh", ".yml", ".yaml", ".example", ".service", ".py", "Makefile", "Dockerfile", "run"}

func kindOf(path string) string {
	if ext := filepath.Ext(path); ext != "" {
		return ext
	}
	return filepath.Base(path)
}

func hasProse(path string) bool {
	kind := kindOf(path)
	return kind == ".go" || kind == ".md" || slices.Contains(hashComments, kind)
}

// proseOf returns the prose of one file.
func proseOf(path string, text []byte) []prose {
	switch kindOf(path) {
	case ".go":
		return goProse(path, text)
	case ".md":
		return markdownProse(path, string(text))
	default:
		return hashProse(path, string(text))
	}
}

// goProse returns comments, those of several lines as one, and the string literals that are more than one word.
func goProse(path string, text []byte) (all []prose) {
	if generatedCode.Match(text) {
		return nil
	}
	files := token.NewFileSet()
	file := files.AddFile(path, -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, scanner.ScanComments)
	last := 0 // the line of the comment before, which this one can continue
	for {
		pos, kind, literal := s.Scan()
		if kind == token.EOF {
			return all
		}
		line := file.Line(pos)
		if kind == token.COMMENT {
			comment := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(literal, "//"), "/*"), "*/")
			if strings.HasPrefix(literal, "//go:") || strings.HasPrefix(literal, "//nolint") {
				continue
			}
			if strings.HasPrefix(literal, "//\t") {
				comment = "" // code in a comment
			}
			if last == line-1 && len(all) > 0 && last > 0 {
				all[len(all)-1].Text += "\n" + comment
			} else {
				all = append(all, prose{Path: path, Line: line, Text: comment})
			}
			last = line
		}
		if kind == token.STRING {
			last = 0
			value, err := strconv.Unquote(literal)
			if literal[0] == '`' {
				value = strings.Trim(literal, "`")
			}
			if err == nil && strings.Contains(value, " ") {
				all = append(all, prose{Path: path, Line: line, Text: value, Literal: true})
			}
		}
	}
}

// markdownProse returns paragraphs, items of lists, headings and cells of tables, without code and comments.
func markdownProse(path, text string) (all []prose) {
	blank := func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) }
	text = htmlComment.ReplaceAllStringFunc(fencedBlock.ReplaceAllStringFunc(text, blank), blank)
	text = linkTarget.ReplaceAllString(inlineCode.ReplaceAllString(text, "` `"), "]")
	open := false // the paragraph before goes on
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "|--"):
			open = false
		case strings.HasPrefix(trimmed, "|"):
			open = false
			for cell := range strings.SplitSeq(strings.Trim(trimmed, "|"), "|") {
				if strings.TrimSpace(cell) != "" {
					all = append(all, prose{Path: path, Line: number, Text: cell})
				}
			}
		case open && !markdownStart.MatchString(line):
			all[len(all)-1].Text += "\n" + line
		default:
			all = append(all, prose{Path: path, Line: number, Text: markdownStart.ReplaceAllString(line, "")})
			open = !strings.HasPrefix(line, "#")
		}
	}
	return all
}

// hashProse returns the comments on lines of their own, and the help texts of a Makefile.
func hashProse(path, text string) (all []prose) {
	last, number := 0, 0
	for line := range strings.Lines(text) {
		number++
		trimmed := strings.TrimSpace(line)
		if _, help, found := strings.Cut(trimmed, " ## "); found {
			all = append(all, prose{Path: path, Line: number, Text: help})
			continue
		}
		comment, found := strings.CutPrefix(trimmed, "# ")
		switch {
		case !found || strings.HasPrefix(comment, "  "): // the second is code
			last = 0
		case last == number-1 && last > 0:
			all[len(all)-1].Text += "\n" + comment
			last = number
		default:
			all = append(all, prose{Path: path, Line: number, Text: comment})
			last = number
		}
	}
	return all
}
