package conninfo

import (
	"errors"
	"strings"
)

// readKeywords parses keywords and values, such as host=db.example.com dbname=sale. A
// value with blanks must be in single quotes. A backslash escapes the next character.
func readKeywords(text string) (settings, error) {
	found := make(settings)
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		name, behind, ok := strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		if !ok || !isName(name) {
			return nil, errors.New("it must be keywords and values, like host=db.example.com dbname=sale, with single quotes around values that have blanks")
		}
		value, behind, ok := cutValue(strings.TrimLeft(behind, " "))
		if !ok {
			return nil, errors.New("a single quote is missing at the end of a value")
		}
		if name != "password" && strings.Contains(value, ";") && strings.Contains(value, "=") {
			return nil, errors.New("its settings must be separated by blanks, not by semicolons, like host=db.example.com dbname=sale")
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

// cutValue returns the value at the beginning of a text, and the rest. It returns false
// if a closing quote is missing.
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
