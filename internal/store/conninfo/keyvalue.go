package conninfo

import (
	"errors"
	"strings"
)

// readKeywords reads keywords and values: host=db.example.com dbname=sale. A value with
// blanks stands in single quotes, and a backslash takes the next character as it is.
func readKeywords(text string) (settings, error) {
	found := make(settings)
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		name, behind, ok := strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		if !ok || !isName(name) {
			return nil, errors.New("it must be keywords and values, like host=db.example.com dbname=sale, with values that have blanks in single quotes")
		}
		value, behind, ok := cutValue(strings.TrimLeft(behind, " "))
		if !ok {
			return nil, errors.New("a single quote is missing behind a value")
		}
		if name != "password" && strings.Contains(value, ";") && strings.Contains(value, "=") {
			return nil, errors.New("its settings must be separated by blanks, not by semicolons: like host=db.example.com dbname=sale")
		}
		found.add(name, value, false)
		rest = behind
	}
	for name, value := range found {
		if value == "" {
			delete(found, name)
		}
	}
	return found, found.checkPlace()
}

// cutValue returns the value that a text begins with, and what follows it.
func cutValue(text string) (value, rest string, ok bool) {
	quoted := strings.HasPrefix(text, "'")
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && i == 0:
		case quoted && c == '\'':
			return b.String(), text[i+1:], true
		case !quoted && c == ' ':
			return b.String(), text[i:], true
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}
