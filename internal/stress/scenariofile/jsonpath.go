package scenariofile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// jsonPath is the path of a value in a JSON document, such as $.items[0].id. It is the part of JSONPath
// (RFC 9535) that selects one value; [*] selects a random element.
type jsonPath struct {
	source string
	steps  []pathStep
}

// pathStep selects a member of an object, or an element of an array.
type pathStep struct {
	key     string
	element bool
	// index counts from 0; negative numbers count from the end.
	index int
	any   bool
}

// parsePath reads a path:
//
//	$               the whole document
//	.name ['name']  a member of an object
//	[0] [-1]        an element of an array, from the front or from its end
//	[*]             a random element of an array
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
			return step, "", fmt.Errorf("has a JSON path with a syntax error at %q", rest)
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
		return step, "", fmt.Errorf("has a JSON path with a syntax error at %q", rest)
	case inside == "*":
		return pathStep{element: true, any: true}, after, nil
	}
	return pathStep{element: true, index: index}, after, nil
}

// any reports whether the path has [*].
func (p *jsonPath) any() bool {
	return slices.ContainsFunc(p.steps, func(s pathStep) bool { return s.any })
}

// find returns the value at the path, and false if the document has none. The random generator chooses for [*].
func (p *jsonPath) find(doc gjson.Result, random *rand.Rand) (gjson.Result, bool) {
	for _, s := range p.steps {
		switch {
		case s.element && doc.IsArray():
			doc = s.in(doc, random)
		case !s.element && doc.IsObject():
			doc = member(doc, s.key)
		default:
			return gjson.Result{}, false
		}
	}
	return doc, doc.Exists()
}

// in returns the element of an array; the result does not exist if the array is too short.
func (s pathStep) in(array gjson.Result, random *rand.Rand) (found gjson.Result) {
	index := s.index
	if s.any || index < 0 {
		count := 0
		array.ForEach(func(_, _ gjson.Result) bool { count++; return true })
		switch {
		case !s.any:
			index += count
		case count > 0:
			index = random.IntN(count)
		}
	}
	array.ForEach(func(_, e gjson.Result) bool {
		if index == 0 {
			found = e
		}
		index--
		return index >= 0
	})
	return found
}

// member returns the member of an object, the last of that name, as encoding/json and browsers do; gjson's paths return
// the first.
func member(object gjson.Result, key string) (found gjson.Result) {
	object.ForEach(func(name, value gjson.Result) bool {
		if name.Str == key {
			found = value
		}
		return true
	})
	return found
}

// readable returns a string without quotes and escapes, and every other JSON value as the document has it.
func readable(value gjson.Result) string {
	if value.Type == gjson.String {
		return value.Str
	}
	return value.Raw
}
