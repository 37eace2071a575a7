package guard

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/util/strutil"
)

// scan is what was counted so far.
type scan struct {
	defaultStep time.Duration
	// levels are the open parentheses; the first is the whole text.
	levels []level

	operators, matchers, ranges, subqueries int
	braces                                  bool
	strings                                 []string // unquoted
	// labels are the calls of label_replace and label_join.
	labels labelCalls
}

// level is an open parenthesis.
type level struct {
	// call is the word before it, in lower case, or empty.
	call       string
	strings    []string
	subqueries []subquery
}

// read scans a text. Where it ends a string or a comment, the lexer of PromQL
// does too, or fails.
func (s *scan) read(text string) error {
	var word string // the word just read, of which a parenthesis makes a call
	for i := 0; i < len(text); {
		before := word
		word = ""
		width, err := 1, error(nil)
		switch c := text[i]; {
		case isSpace(c):
			word = before
		case c == '#':
			width, word = len(lineOf(text[i:])), before
		case c == '"' || c == '\'' || c == '`':
			width, err = s.readString(text[i:])
		case c == '(':
			err = s.open(before)
		case c == ')':
			err = s.closeLevel()
		case c == '[':
			width, err = s.readBracket(text[i:])
		case c == '{' || c == '}':
			s.braces = c == '{'
		case isLetter(c):
			width = lengthOf(text[i:], isLetterOrDigit)
			word = strings.ToLower(text[i : i+width])
			err = s.readWord(word)
		case isDigit(c):
			width = lengthOf(text[i:], isLetterOrDigit)
		case strings.IndexByte("+-*/%^=!<>", c) >= 0:
			if i+1 < len(text) && strings.IndexByte("=~/", text[i+1]) >= 0 && strings.IndexByte("=!<>", c) >= 0 {
				width = 2
			}
			err = s.countOperator()
		}
		if err != nil {
			return err
		}
		i += width
	}
	if len(s.levels) != 1 || s.braces {
		return errors.New("a parenthesis or brace of the query is not closed")
	}
	return nil
}

func (s *scan) readWord(word string) error {
	switch word {
	case "and", "or", "unless", "atan2":
		if s.braces {
			return nil // the name of a label
		}
		return s.countOperator()
	}
	return nil
}

// countOperator counts what compares labels inside braces, and what combines
// values outside.
func (s *scan) countOperator() error {
	if s.braces {
		if s.matchers++; s.matchers > maxMatchers {
			return exceeds("the query", s.matchers, "label matchers or more", maxMatchers)
		}
		return nil
	}
	if s.operators++; s.operators > maxOperators {
		return exceeds("the query", s.operators, "operators or more", maxOperators)
	}
	return nil
}

func (s *scan) open(word string) error {
	if len(s.levels) > maxDepth {
		return exceeds("the query", len(s.levels), "parentheses inside each other or more", maxDepth)
	}
	s.levels = append(s.levels, level{call: word})
	return nil
}

func (s *scan) closeLevel() error {
	last := len(s.levels) - 1
	if last == 0 {
		return errors.New("a parenthesis of the query was not opened")
	}
	inner := s.levels[last]
	s.levels = s.levels[:last]
	outer := &s.levels[last-1]
	outer.subqueries = append(outer.subqueries, inner.subqueries...)
	switch inner.call {
	case "label_replace", "label_join":
		s.labels.add(inner)
	case "":
		// A string may stand in parentheses of its own.
		outer.strings = append(outer.strings, inner.strings...)
	}
	return nil
}

// readString reads a quoted string and returns its length, quotes included.
func (s *scan) readString(text string) (int, error) {
	quote := text[0]
	end := 1
	for ; end < len(text) && text[end] != quote; end++ {
		if quote == '`' {
			continue
		}
		switch text[end] {
		case '\\':
			end++
		case '\n':
			return 0, errors.New("a string of the query is not closed on its line")
		}
	}
	if end >= len(text) {
		return 0, errors.New("a string of the query is not closed")
	}
	content, err := strutil.Unquote(text[:end+1])
	if err != nil || !utf8.ValidString(text[:end+1]) {
		return 0, fmt.Errorf("a string of the query cannot be read: %.40s", text[:end+1])
	}
	s.strings = append(s.strings, content)
	if !s.braces {
		top := &s.levels[len(s.levels)-1]
		top.strings = append(top.strings, content)
	}
	return end + 1, nil
}

// lengthOf returns how many bytes of a kind a text begins with.
func lengthOf(text string, kind func(byte) bool) int {
	n := 0
	for n < len(text) && kind(text[n]) {
		n++
	}
	return n
}

// lineOf returns the rest of a line.
func lineOf(text string) string {
	if end := strings.IndexAny(text, "\r\n"); end >= 0 {
		return text[:end]
	}
	return text
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == ':'
}

func isLetterOrDigit(c byte) bool { return isLetter(c) || isDigit(c) }
