package scenario

import (
	"bytes"
	"strconv"
)

// cursor walks over JSON text without decoding it, for answers are looked at
// tens of thousands of times a second. It sees to strings, commas and brackets;
// whether the brackets inside a value match, and whether a literal is one, it
// does not check.
type cursor struct {
	text []byte
	at   int
}

// take steps over white space and then that byte, if it is there.
func (c *cursor) take(b byte) bool {
	for ; c.at < len(c.text); c.at++ {
		switch c.text[c.at] {
		case ' ', '\t', '\r', '\n':
			continue
		case b:
			c.at++
			return true
		}
		return false
	}
	return false
}

// more steps to the next element of an array or object, whose closing bracket
// is given. It reports whether there is one, and whether the text is right so far.
func (c *cursor) more(closing byte, first bool) (more, ok bool) {
	switch {
	case c.take(closing):
		return false, true
	case first:
		return true, true
	}
	return true, c.take(',')
}

// str steps over a string and returns what stands between its quotes, escaped as it is.
func (c *cursor) str() ([]byte, bool) {
	if !c.take('"') {
		return nil, false
	}
	start := c.at
	for {
		n := bytes.IndexByte(c.text[c.at:], '"')
		if n < 0 {
			c.at = len(c.text)
			return nil, false
		}
		end := c.at + n
		c.at = end + 1
		slashes := 0
		for end-slashes > start && c.text[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return c.text[start:end], true
		}
	}
}

// value steps over a value and returns it; a string with its quotes.
func (c *cursor) value() ([]byte, bool) {
	c.take(0) // no value begins with it: only white space is stepped over
	start := c.at
	if start == len(c.text) {
		return nil, false
	}
	ok := true
	switch b := c.text[start]; {
	case b == '"':
		_, ok = c.str()
	case b == '{' || b == '[':
		ok = c.nested()
	case b == '-' || b >= '0' && b <= '9' || b == 't' || b == 'f' || b == 'n':
		c.literal()
	default:
		ok = false
	}
	return c.text[start:c.at], ok
}

// nested steps over an array or object with all that is in it.
func (c *cursor) nested() bool {
	for depth := 0; c.at < len(c.text); {
		switch c.text[c.at] {
		case '"':
			if _, ok := c.str(); !ok {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.at++
		if depth == 0 {
			return true
		}
	}
	return false
}

// literal steps over a number, or a word such as null.
func (c *cursor) literal() {
	for ; c.at < len(c.text); c.at++ {
		switch c.text[c.at] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return
		}
	}
}

// object steps over an object and calls member for each of its members. It
// reports whether it is one.
func (c *cursor) object(member func(name, value []byte)) bool {
	if !c.take('{') {
		return false
	}
	for first := true; ; first = false {
		more, ok := c.more('}', first)
		if !more || !ok {
			return ok
		}
		name, ok := c.str()
		if !ok || !c.take(':') {
			return false
		}
		value, ok := c.value()
		if !ok {
			return false
		}
		member(name, value)
	}
}

// end reports whether nothing but white space is left.
func (c *cursor) end() bool {
	c.take(0)
	return c.at == len(c.text)
}

// members calls member for each member of a text that is one JSON object, and
// reports whether it is one.
func members(text []byte, member func(name, value []byte)) bool {
	c := cursor{text: text}
	return c.object(member) && c.end()
}

// integer reads a value that must be an integer.
func integer(value []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil
}

// plain returns what a value that must be a string has between its quotes, escaped as it is.
func plain(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	return value[1 : len(value)-1]
}

// scanList appends the ids of a list of concerts, which must be a JSON array of
// objects that have an integer id each. With cut, the text is only the
// beginning of the list: then the ids of what is whole are enough.
func scanList(ids []int64, text []byte, cut bool) ([]int64, bool) {
	c := cursor{text: text}
	if !c.take('[') {
		return ids, false
	}
	for first := true; ; first = false {
		more, ok := c.more(']', first)
		if ok && !more {
			return ids, c.end()
		}
		var id int64
		found := false
		ok = ok && c.object(func(name, value []byte) {
			if string(name) == "id" {
				id, found = integer(value)
			}
		})
		if !ok {
			return ids, cut && c.at == len(text)
		}
		if !found {
			return ids, false
		}
		ids = append(ids, id)
	}
}

// scanLeft returns how many tickets a list of concerts says are left of one;
// false if it does not say.
func scanLeft(text []byte, concert int64) (left int64, known bool) {
	c := cursor{text: text}
	if !c.take('[') {
		return 0, false
	}
	for first := true; ; first = false {
		if more, ok := c.more(']', first); !more || !ok {
			return 0, false
		}
		var id int64
		left, known = 0, false
		ok := c.object(func(name, value []byte) {
			switch string(name) {
			case "id":
				id, _ = integer(value)
			case "available":
				left, known = integer(value)
			}
		})
		if !ok || id == concert {
			return left, ok && known
		}
	}
}
