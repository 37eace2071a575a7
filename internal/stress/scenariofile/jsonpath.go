package scenariofile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// jsonPath says where in a JSON text something stands: $.items[0].id. It is the part of JSONPath
// (RFC 9535) that names one thing, and [*] for one that the dice choose.
type jsonPath struct {
	source string
	steps  []pathStep
}

// pathStep is one step down: a member of an object, or an element of an array.
type pathStep struct {
	key     string
	element bool
	// index counts from 0, or with negative numbers from the end.
	index int
	any   bool
}

// parsePath reads a path:
//
//	$               the whole text
//	.name ['name']  a member of an object
//	[0] [-1]        an element of an array, from the front or from its end
//	[*]             any element of an array
func parsePath(text string) (jsonPath, error) {
	p := jsonPath{source: text}
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return p, errors.New("must be a JSON path, which begins with $")
	}
	for rest != "" {
		step, after, err := parseStep(rest)
		if err != nil {
			return p, err
		}
		p.steps, rest = append(p.steps, step), after
	}
	return p, nil
}

func parseStep(rest string) (step pathStep, after string, err error) {
	if name, ok := strings.CutPrefix(rest, "."); ok {
		end := strings.IndexAny(name, ".[")
		if end < 0 {
			end = len(name)
		}
		if end == 0 || strings.ContainsAny(name[:end], `*?]'" `) {
			return step, "", fmt.Errorf("has a JSON path that cannot be read from %q on", rest)
		}
		return pathStep{key: name[:end]}, name[end:], nil
	}
	for _, quote := range []string{"'", `"`} {
		if name, ok := strings.CutPrefix(rest, "["+quote); ok {
			name, after, ok = strings.Cut(name, quote+"]")
			if ok {
				return pathStep{key: name}, after, nil
			}
		}
	}
	inside, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]")
	index, err := strconv.Atoi(inside)
	switch {
	case !ok || rest[0] != '[' || inside != "*" && err != nil:
		return step, "", fmt.Errorf("has a JSON path that cannot be read from %q on", rest)
	case inside == "*":
		return pathStep{element: true, any: true}, after, nil
	}
	return pathStep{element: true, index: index}, after, nil
}

// any reports whether the dice choose.
func (p *jsonPath) any() bool {
	for _, s := range p.steps {
		if s.any {
			return true
		}
	}
	return false
}

// find returns the JSON value at the path of a valid JSON text.
func (p *jsonPath) find(doc []byte, random *rand.Rand) (found []byte, ok bool) {
	doc = bytes.TrimLeft(doc, jsonSpace)
	for _, s := range p.steps {
		switch {
		case s.element:
			doc, ok = s.in(doc, random)
		default:
			doc, ok = member(doc, s.key)
		}
		if !ok {
			return nil, false
		}
	}
	return doc[:valueEnd(doc)], true
}

const jsonSpace = " \t\r\n"

// in returns what begins with the element of an array.
func (s pathStep) in(doc []byte, random *rand.Rand) ([]byte, bool) {
	if doc[0] != '[' {
		return nil, false
	}
	index := s.index
	if s.any || index < 0 {
		count := 0
		for range elements(doc) {
			count++
		}
		switch {
		case !s.any:
			index += count
		case count > 0:
			index = random.IntN(count)
		}
	}
	for e := range elements(doc) {
		if index == 0 {
			return e, true
		}
		index--
	}
	return nil, false
}

// elements yields what begins with each element of an array.
func elements(doc []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		doc = bytes.TrimLeft(doc[1:], jsonSpace)
		for doc[0] != ']' {
			if !yield(doc) {
				return
			}
			doc = bytes.TrimLeft(doc[valueEnd(doc):], jsonSpace+",")
		}
	}
}

// member returns what begins with the value of an object's member, the last of that name.
func member(doc []byte, key string) (found []byte, ok bool) {
	if doc[0] != '{' {
		return nil, false
	}
	doc = bytes.TrimLeft(doc[1:], jsonSpace)
	for doc[0] != '}' {
		end := valueEnd(doc)
		name := doc[:end]
		doc = bytes.TrimLeft(doc[end:], jsonSpace+":")
		if isKey(name, key) {
			found = doc
		}
		doc = bytes.TrimLeft(doc[valueEnd(doc):], jsonSpace+",")
	}
	return found, found != nil
}

// isKey reports whether a JSON text in quotes is a key.
func isKey(text []byte, key string) bool {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1:len(text)-1]) == key
	}
	return string(unquote(nil, text)) == key
}

// valueEnd returns where the JSON value ends that a text begins with.
func valueEnd(doc []byte) int {
	depth := 0
	for i := 0; i < len(doc); {
		switch doc[i] {
		case '"':
			i = textEnd(doc, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		default:
			i++
			if depth == 0 {
				for i < len(doc) && bytes.IndexByte([]byte(jsonSpace+",]}"), doc[i]) < 0 {
					i++
				}
			}
		}
		if depth == 0 {
			return i
		}
	}
	return len(doc)
}

// textEnd returns where the JSON text ends that begins at a quote.
func textEnd(doc []byte, at int) int {
	for i := at + 1; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(doc)
}

// unquote appends a JSON value as people read it: a text without quotes and
// escapes, anything else as it is.
func unquote(b, found []byte) []byte {
	switch {
	case len(found) == 0 || found[0] != '"':
		return append(b, found...)
	case bytes.IndexByte(found, '\\') < 0:
		return append(b, found[1:len(found)-1]...)
	}
	var text string
	if err := json.Unmarshal(found, &text); err != nil {
		return append(b, found...) // it is valid JSON, so this does not happen
	}
	return append(b, text...)
}
