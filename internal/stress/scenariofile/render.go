package scenariofile

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// value is a captured value. json is set if its text is a JSON value other than a string;
// from is the path of the request whose answer had it.
type value struct {
	text []byte
	json bool
	from string
}

// append appends a template to b, rendered for one user.
func (t *template) append(b []byte, a *virtualUser) []byte {
	for i := range t.parts {
		b = t.parts[i].append(b, a)
	}
	return b
}

func (p *part) append(b []byte, a *virtualUser) []byte {
	switch p.op {
	case literal:
		return append(b, p.text...)
	case captured:
		v := &a.values[p.slot]
		return p.appendValue(b, v.text, v.json)
	case column:
		return p.appendValue(b, []byte(a.shared.tables[p.slot].rows[a.rows[p.slot]][p.number]), false)
	case randomInt:
		return strconv.AppendInt(b, p.number+a.random.Int64N(p.span), 10)
	case randomText:
		return appendRandomText(b, int(p.number), a)
	case randomUUID:
		return appendUUID(b, a.random.Uint64(), a.random.Uint64())
	case pickOne:
		return append(b, p.words[a.random.IntN(len(p.words))]...)
	case userIndex:
		return strconv.AppendInt(b, int64(a.index), 10)
	case iteration:
		return strconv.AppendInt(b, a.iteration, 10)
	case nowUnix:
		return strconv.AppendInt(b, a.shared.now().Unix(), 10)
	case nowUnixMS:
		return strconv.AppendInt(b, a.shared.now().UnixMilli(), 10)
	case nowDate:
		return a.shared.now().UTC().AppendFormat(b, time.DateOnly)
	default: // nowTime
		var text [len(time.RFC3339Nano)]byte
		return appendEscaped(b, a.shared.now().UTC().AppendFormat(text[:0], time.RFC3339), p.mode)
	}
}

// appendValue appends a captured value or one of a CSV file.
func (p *part) appendValue(b, text []byte, isJSON bool) []byte {
	switch {
	case p.mode != asJSON:
		return appendEscaped(b, text, p.mode)
	case isJSON || p.asNumber && isNumber(text):
		return append(b, text...)
	}
	b = append(b, '"')
	b = appendEscaped(b, text, inJSONText)
	return append(b, '"')
}

// appendEscaped appends a text, escaped for a mode.
func appendEscaped(b, text []byte, m mode) []byte {
	switch m {
	case inPath, inForm:
		return appendPercent(b, text, m == inForm)
	case inJSONText:
		return appendJSON(b, text)
	default:
		return append(b, text...)
	}
}

const hexDigits = "0123456789ABCDEF"

// appendPercent escapes all but the unreserved characters of RFC 3986.
func appendPercent(b, text []byte, form bool) []byte {
	for _, c := range text {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b = append(b, c)
		case c == ' ' && form:
			b = append(b, '+')
		default:
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}

// appendJSON appends a text, escaped for a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendJSON(b, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, size := utf8.DecodeRune(text[i:])
			b = utf8.AppendRune(b, r)
			i += size
			continue
		}
		i++
	}
	return b
}

// quoted returns a text as a JSON string.
func quoted(text string) string { return `"` + string(appendJSON(nil, []byte(text))) + `"` }

// isNumber reports whether a text is a JSON number.
func isNumber(text []byte) bool {
	return len(text) > 0 && (text[0] == '-' || '0' <= text[0] && text[0] <= '9') && json.Valid(text)
}

// letters are the characters of random texts: 32, so that five bits choose one, without those that look like another.
const letters = "abcdefghijkmnopqrstuvwxyz2345679"

func appendRandomText(b []byte, length int, a *virtualUser) []byte {
	for bits := uint64(0); length > 0; length-- {
		if bits < 1<<5 {
			bits = a.random.Uint64() | 1<<63
		}
		b = append(b, letters[bits&31])
		bits >>= 5
	}
	return b
}

// appendUUID appends a random UUID, version 4.
func appendUUID(b []byte, high, low uint64) []byte {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], low)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	b = hex.AppendEncode(b, id[:4])
	for at := 4; at < 10; at += 2 {
		b = append(b, '-')
		b = hex.AppendEncode(b, id[at:at+2])
	}
	b = append(b, '-')
	return hex.AppendEncode(b, id[10:])
}
