package problem

import (
	"bytes"
	"strconv"
)

// LoneSurrogateRule is the rule that a field with a lone surrogate breaks, without the
// field's name.
const LoneSurrogateRule = `must not contain half of a surrogate pair, such as \ud800`

// HasLoneSurrogate reports whether JSON text has a string with one half of a UTF-16
// surrogate pair. Half a pair is not a character. encoding/json silently replaces it by
// U+FFFD, so it must be found before decoding.
func HasLoneSurrogate(json []byte) bool {
	for {
		i := bytes.IndexByte(json, '\\')
		if i < 0 || i+1 >= len(json) {
			return false
		}
		json = json[i:]
		switch unit := escaped(json); {
		case unit < 0: // another escape, such as \\ or \n
			json = json[2:]
		case unit >= 0xd800 && unit < 0xdc00: // the first half
			next := escaped(json[6:])
			if next < 0xdc00 || next > 0xdfff {
				return true
			}
			json = json[12:]
		case unit >= 0xdc00 && unit <= 0xdfff:
			return true
		default:
			json = json[6:]
		}
	}
}

// escaped returns the UTF-16 unit of the escape \uXXXX at the start of a text, or -1 if
// there is none.
func escaped(text []byte) int {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(unit)
}
