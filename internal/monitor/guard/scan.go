package guard

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/util/strutil"
)

// scan holds the counts of a scan.
type scan struct {
	defaultStep time.Duration
	// levels are the open parentheses. The first is the whole text.
	levels []level

	operators, matchers, ranges, subqueries int
	braces                                  bool
	strings                                 []string // unquoted
	// labels counts the calls of label_replace and label_join.
	labels labelCalls
}

// level is an open parenthesis.
type level struct {
	// call is the word before the parenthesis in lower case, or empty.
	call       string
	strings    []string
	subqueries []subquery
}

// read scans a text. Strings and comments end where the lexer of PromQL ends them, unless
// the lexer fails.
func (s *scan) read(text string) error {
	var word string // the previous word, which is a call if a parenthesis follows
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
			return nil // a label name
		}
		return s.countOperator()
	}
	return nil
}

// countOperator counts a label matcher inside braces, and an operator outside.
func (s *scan) countOperator() error {
	if s.braces {
		if s.matchers++; s.matchers > maxMatchers {
			return tooMany(s.matchers, "label matchers", maxMatchers)
		}
		return nil
	}
	if s.operators++; s.operators > maxOperators {
		return tooMany(s.operators, "operators", maxOperators)
	}
	return nil
}

func (s *scan) open(word string) error {
	if len(s.levels) > maxDepth {
		return tooMany(len(s.levels), "nested parentheses", maxDepth)
	}
	s.levels = append(s.levels, level{call: word})
	return nil
}

func (s *scan) closeLevel() error {
	last := len(s.levels) - 1
	if last == 0 {
		return errors.New("the query has a closing parenthesis without an opening one")
	}
	inner := s.levels[last]
	s.levels = s.levels[:last]
	outer := &s.levels[last-1]
	outer.subqueries = append(outer.subqueries, inner.subqueries...)
	switch inner.call {
	case "label_replace", "label_join":
		s.labels.add(inner)
	case "":
		// A string argument may be in parentheses.
		outer.strings = append(outer.strings, inner.strings...)
	}
	return nil
}

// readString reads a quoted string and returns its length, including the quotes.
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

// lengthOf returns the number of bytes of a kind at the start of a text.
func lengthOf(text string, kind func(byte) bool) int {
	n := 0
	for n < len(text) && kind(text[n]) {
		n++
	}
	return n
}

// lineOf returns the text up to the end of the line.
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
