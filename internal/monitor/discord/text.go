package discord

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Labels and annotations may hold what a client sent. Everything below turns
// such text into one that Discord shows letter by letter: it formats nothing,
// links nowhere and mentions nobody.

// ellipsis marks a text that was cut.
const ellipsis = "…"

// zeroWidthSpace keeps an @ apart from the name that follows it. A backslash
// would not: Discord's server looks for mentions before any markdown is read.
const zeroWidthSpace = "\u200b"

// length counts UTF-16 code units.
func length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// line makes one line of a text: every run of blanks, line ends and control
// characters is one blank. Characters that show nothing, such as those that
// turn the direction of writing, are dropped.
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

// lines does the same to each line of a text, and drops the empty ones.
func lines(s string) string {
	var kept []string
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if part = line(part); part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "\n")
}

// clip cuts a text for a log to at most limit characters.
func clip(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + ellipsis
	}
	return s
}

// escape returns a text that Discord shows as s, in at most limit UTF-16 code
// units. A longer one is cut and ends with an ellipsis; no escape is cut in two.
// s comes from line or lines.
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

// place is where in its line a character stands: some are markdown at the
// start of a line alone.
type place int

const (
	atStart place = iota
	// afterDigits is after nothing but digits, where a point makes a list.
	afterDigits
	within
)

// escaped returns how r is written, and the place of the character after it.
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
		// The one in https:// makes a link, that in :tada: a picture.
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
