package conninfo

import (
	"regexp"
	"strings"
	"unicode"
)

// What users copy together with a connection string.
var (
	// around is the beginning of a line of an environment file, or of a psql command.
	around = regexp.MustCompile(`^(?:(?:export\s+|set\s+)?[A-Z0-9_]*(?:URL|URI|DSN|RECORD)\s*=|psql(?:\s+(?:-d|--dbname))?[\s=])\s*`)
	// scheme is the scheme of a URL. Some libraries append the name of a driver.
	scheme = regexp.MustCompile(`^(?i:postgres|postgresql|postgis|pgsql|psql)(?:\+[A-Za-z0-9_.-]+)?://`)
	// jdbcPrefix is the prefix of Java's URLs.
	jdbcPrefix = regexp.MustCompile(`^(?i:jdbc:)`)
)

// tidy removes what surrounds a connection string. It reports whether the string is a
// JDBC URL, in which some settings have another meaning.
func tidy(text string) (tidied string, jdbc bool) {
	for {
		before := text
		text = strings.TrimFunc(text, isAround)
		for _, quote := range []string{`"`, `'`, "`"} {
			if len(text) > 1 && strings.HasPrefix(text, quote) && strings.HasSuffix(text, quote) {
				text = text[1 : len(text)-1]
			}
		}
		text = around.ReplaceAllString(text, "")
		if text == before {
			break
		}
	}
	plain := jdbcPrefix.ReplaceAllString(text, "")
	return plain, plain != text
}

// cutScheme returns what follows the scheme.
func cutScheme(text string) (rest string, ok bool) {
	found := scheme.FindString(text)
	return text[len(found):], found != ""
}

// isAround reports whether a character can surround a connection string but is not part
// of it: white space, a byte order mark, a zero-width space, a control character.
func isAround(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) }

func isControl(r rune) bool { return unicode.Is(unicode.Cc, r) }

// isName reports whether a text is a valid name of a setting.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '.'
	})
}
