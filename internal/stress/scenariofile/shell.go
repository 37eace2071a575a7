package scenariofile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What a command line can have wrong that is read as a shell would.
var (
	errQuote = errors.New("has a quote that is not closed")
	errEnd   = errors.New("ends with a backslash")
	errCmd   = errors.New("is written for the Windows command prompt (^); copy it for bash instead: Copy as cURL (bash)")
)

// splitter splits a command line into words, as a POSIX shell does: quotes, backslashes, lines that go
// on, and the $'…' of bash, in which browsers write what they copy. Nothing is expanded
// or run: where a shell would, it is an error.
type splitter struct {
	rest   string
	words  []string
	word   []byte
	inWord bool
}

// split returns the words of a command line.
func split(line string) ([]string, error) {
	s := splitter{rest: strings.TrimSpace(line)}
	for s.rest != "" {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	s.end()
	return s.words, nil
}

// end ends a word, if there is one.
func (s *splitter) end() {
	if s.inWord {
		s.words = append(s.words, string(s.word))
	}
	s.word, s.inWord = s.word[:0], false
}

// next reads a character, or all between two quotes.
func (s *splitter) next() error {
	c := s.rest[0]
	switch {
	case c == ' ' || c == '\t':
		s.rest = s.rest[1:]
		s.end()
		return nil
	case c == '\\':
		return s.backslash()
	case c == '^' && (strings.HasPrefix(s.rest, "^\n") || strings.HasPrefix(s.rest, "^\r\n") || strings.HasPrefix(s.rest, `^"`)):
		return errCmd
	case c == '\n' || c == '\r' && strings.HasPrefix(s.rest, "\r\n") || strings.IndexByte("|&;<>()", c) >= 0:
		return fmt.Errorf("has %s outside quotes, where a shell would begin something else: give one curl command alone", strconv.Quote(s.rest[:1]))
	case c == '#' && !s.inWord:
		return errors.New("has a comment (#)")
	}
	s.inWord = true
	switch {
	case c == '\'':
		return s.single()
	case c == '"':
		return s.double()
	case strings.HasPrefix(s.rest, "$'"):
		return s.ansi()
	case expands(s.rest):
		return expansion(s.rest)
	}
	s.word = append(s.word, c)
	s.rest = s.rest[1:]
	return nil
}

// backslash reads one outside quotes: the next character stands for itself, and a line goes on.
func (s *splitter) backslash() error {
	for _, line := range []string{"\\\n", "\\\r\n"} {
		if after, ok := strings.CutPrefix(s.rest, line); ok {
			s.rest = after
			return nil
		}
	}
	if len(s.rest) == 1 {
		return errEnd
	}
	s.inWord = true
	s.word = append(s.word, s.rest[1])
	s.rest = s.rest[2:]
	return nil
}

// single reads '…', in which everything stands for itself.
func (s *splitter) single() error {
	text, after, ok := strings.Cut(s.rest[1:], "'")
	if !ok {
		return errQuote
	}
	s.word, s.rest = append(s.word, text...), after
	return nil
}

// double reads "…", in which a backslash keeps $ ` " \ and the end of a line from meaning something.
func (s *splitter) double() error {
	rest := s.rest[1:]
	for rest != "" {
		c := rest[0]
		switch {
		case c == '"':
			s.rest = rest[1:]
			return nil
		case expands(rest):
			return expansion(rest)
		case c == '\\' && strings.HasPrefix(rest, "\\\n"):
			rest = rest[2:]
			continue
		case c == '\\' && len(rest) > 1 && strings.IndexByte("$`\"\\", rest[1]) >= 0:
			c, rest = rest[1], rest[1:]
		}
		s.word, rest = append(s.word, c), rest[1:]
	}
	return errQuote
}

// expands reports whether a shell would put something else in the place of what follows.
func expands(rest string) bool {
	if rest[0] == '`' {
		return true
	}
	if rest[0] != '$' || len(rest) == 1 {
		return false
	}
	next := rest[1]
	return next == '_' || 'a' <= next|0x20 && next|0x20 <= 'z' || '0' <= next && next <= '9' || strings.IndexByte("({@*#?-$!\"'", next) >= 0
}

func expansion(rest string) error {
	end := 1
	for end < len(rest) && isName(rest[1:end+1]) {
		end++
	}
	if rest[0] == '`' || end == 1 {
		end = min(2, len(rest))
	}
	return fmt.Errorf("has %s, which a shell would replace; this is none: put the value there, or quote it with '", strconv.Quote(rest[:end]))
}

// ansi reads $'…' (bash, "ANSI-C quoting").
func (s *splitter) ansi() error {
	rest := s.rest[2:]
	for rest != "" {
		switch rest[0] {
		case '\'':
			s.rest = rest[1:]
			return nil
		case '\\':
			after, err := s.escape(rest[1:])
			if err != nil {
				return err
			}
			rest = after
		default:
			s.word, rest = append(s.word, rest[0]), rest[1:]
		}
	}
	return errQuote
}

// escape reads what follows a backslash within $'…'.
func (s *splitter) escape(rest string) (after string, err error) {
	if rest == "" {
		return "", errQuote
	}
	c := rest[0]
	if i := strings.IndexByte(`abeEfnrtv\'"?`, c); i >= 0 {
		s.word = append(s.word, "\a\b\x1b\x1b\f\n\r\t\v\\'\"?"[i])
		return rest[1:], nil
	}
	switch c {
	case 'x':
		return s.code(rest, 1, 2, 16, false)
	case 'u':
		return s.code(rest, 1, 4, 16, true)
	case 'U':
		return s.code(rest, 1, 8, 16, true)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return s.code(rest, 0, 3, 8, false)
	}
	s.word = append(s.word, '\\', c)
	return rest[1:], nil
}

// code reads the number of a byte, or of a character in Unicode.
func (s *splitter) code(rest string, from, digits, base int, unicode bool) (after string, err error) {
	end := from
	for end < len(rest) && end < from+digits {
		if _, err := strconv.ParseUint(rest[end:end+1], base, 8); err != nil {
			break
		}
		end++
	}
	n, err := strconv.ParseInt(rest[from:end], base, 32)
	switch {
	case errors.Is(err, strconv.ErrRange) || n > utf8.MaxRune:
		return "", errors.New("has a \\U that is no character")
	case err != nil: // no digit at all
		s.word = append(s.word, '\\')
		s.word = append(s.word, rest[:from]...)
	case n == 0:
		return "", errors.New("has a NUL character")
	case unicode:
		s.word = utf8.AppendRune(s.word, rune(n))
	default:
		s.word = append(s.word, byte(n&0xff)) // as bash does with \777
	}
	return rest[end:], nil
}
