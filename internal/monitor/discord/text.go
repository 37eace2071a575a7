package discord

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Labels and annotations may contain text from a client. The functions below escape it
// so that Discord shows it literally: without formatting, links or mentions.

// ellipsis marks a text that was cut.
const ellipsis = "…"

// zeroWidthSpace separates an @ from the name after it. A backslash would not work,
// because Discord's server searches for mentions before it parses markdown.
const zeroWidthSpace = "\u200b"

// length counts UTF-16 code units.
func length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// line turns a text into one line: each run of white space and control characters
// becomes one space. It drops invisible characters, such as those that change the
// direction of writing.
func line(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))), " ")
}

// lines applies line to each line of a text and drops empty lines.
func lines(s string) string {
	var kept []string
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if part = line(part); part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "\n")
}

// clip cuts a text to at most limit characters.
func clip(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + ellipsis
	}
	return s
}

// escape escapes s so that Discord shows it literally. s must be a result of line or
// lines. If the escaped text is longer than limit UTF-16 code units, it is cut between
// two escapes and ends with an ellipsis.
func escape(s string, limit int) string {
	var b strings.Builder
	used, cut := 0, 0
	before := atStart
	for at, r := range s {
		var next rune
		if rest := s[at+utf8.RuneLen(r):]; rest != "" {
			next, _ = utf8.DecodeRuneInString(rest)
		}
		var token string
		token, before = escaped(r, next, before)
		used += length(token)
		if used > limit {
			return b.String()[:cut] + ellipsis
		}
		b.WriteString(token)
		if used <= limit-length(ellipsis) {
			cut = b.Len()
		}
	}
	return b.String()
}

// place is the position of a character in its line. Some characters are markdown only at
// the start of a line.
type place int

const (
	atStart place = iota
	// afterDigits is after nothing but digits. A full stop there starts a list.
	afterDigits
	within
)

// escaped returns the escaped form of r, and the place of the next character.
func escaped(r, next rune, at place) (token string, after place) {
	after = within
	marks := false
	switch r {
	case '\n', ' ':
		if r == '\n' || at == atStart {
			after = atStart
		}
	case '@':
		return "@" + zeroWidthSpace, after
	case '\\', '*', '_', '~', '`', '|', '<', '>', '[', ']':
		marks = true
	case ':':
		// In https:// it makes a link, in :tada: an emoji.
		marks = next == '/' || unicode.IsLetter(next) || next == '_' || next == '+' || next == '-'
	case '#', '-', '+':
		marks = at == atStart
	case '.', ')':
		marks = at == afterDigits && next == ' '
	default:
		if '0' <= r && r <= '9' && at != within {
			after = afterDigits
		}
	}
	if marks {
		return `\` + string(r), after
	}
	return string(r), after
}
