package format

import (
	"strings"
	"unicode"
)

// Line makes text of a file or a server safe for a line of a terminal or a table. It
// replaces control characters, which could move the cursor or change colours, and
// characters that change the direction of writing. White space becomes a blank.
func Line(text string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r) || r == unicode.ReplacementChar:
			return unicode.ReplacementChar
		case unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}, text)
	return strings.TrimSpace(clean)
}

// columns returns how many columns of a terminal a rune takes, roughly as Unicode's
// East Asian Width defines it.
func columns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100:
		return 1
	case r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	default:
		return 1
	}
}

// Width returns how many columns a text takes.
func Width(text string) int {
	n := 0
	for _, r := range text {
		n += columns(r)
	}
	return n
}

// Cut shortens a text to limit columns, with an ellipsis at the end.
func Cut(text string, limit int) string {
	if Width(text) <= limit {
		return text
	}
	var out strings.Builder
	left := limit - 1
	for _, r := range text {
		if left -= columns(r); left < 0 {
			break
		}
		out.WriteRune(r)
	}
	if limit > 0 {
		out.WriteString("…")
	}
	return out.String()
}

// Pad fills a text with blanks up to a width in columns. It does not shorten a longer
// text.
func Pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(columns-Width(text), 0))
}

// PadLeft is Pad with the blanks at the beginning.
func PadLeft(text string, columns int) string {
	return strings.Repeat(" ", max(columns-Width(text), 0)) + text
}
