package scenariofile

import (
	"fmt"
	"strings"

	"onsale/internal/stress/suggest"
)

// mode is how the value of a template is escaped.
type mode uint8

const (
	plainText mode = iota
	// inPath escapes every character but letters, digits and -._~ with %XX.
	inPath
	// inForm does the same, but writes a space as +.
	inForm
	// inJSONText escapes for the inside of a JSON string.
	inJSONText
	// asJSON writes a whole JSON value: numbers and other JSON values as they are,
	// texts in quotes.
	asJSON
)

// op is the operation of a part of a template.
type op uint8

const (
	literal op = iota
	captured
	column
	randomInt
	randomText
	randomUUID
	pickOne
	userIndex
	iteration
	nowTime
	nowDate
	nowUnix
	nowUnixMS
)

// part is a part of a template: constant text, or a value that is filled in.
type part struct {
	op   op
	mode mode
	text string
	// words are the choices of {{pick}}, already escaped.
	words []string
	// slot is the slot of a captured value, or the index of a CSV file. number is the column, the least
	// random number, or the length of a random text. span is the count of possible random numbers.
	slot   int
	number int64
	span   int64
	// asNumber writes a text that is a number without quotes.
	asNumber bool
}

// template is a compiled text with values to fill in.
type template struct {
	// source is the template as the file has it, for messages: it contains no values.
	source string
	parts  []part
}

// constant returns the text of a template without values to fill in.
func (t *template) constant() (text string, ok bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].op == literal:
		return t.parts[0].text, true
	}
	return "", false
}

// fixed returns a template of constant text.
func fixed(text string) template {
	t := template{source: text}
	t.add(part{text: text})
	return t
}

// add appends a part. Call pack after the last part.
func (t *template) add(p part) {
	if p.op != literal || p.text != "" {
		t.parts = append(t.parts, p)
	}
}

// pack joins adjacent literals.
func (t *template) pack() {
	packed := t.parts[:0]
	for i := 0; i < len(t.parts); {
		if t.parts[i].op != literal {
			packed = append(packed, t.parts[i])
			i++
			continue
		}
		var text strings.Builder
		for ; i < len(t.parts) && t.parts[i].op == literal; i++ {
			text.WriteString(t.parts[i].text)
		}
		packed = append(packed, part{text: text.String()})
	}
	t.parts = packed
}

// templateError is a syntax error of a template, or an unknown name.
type templateError struct {
	// offset is the position in the text, in bytes.
	offset  int
	message string
}

func (e *templateError) Error() string { return e.message }

// compile reads a text with templates, whose names must be in the scope. It escapes the text around the templates
// in forms and JSON; in a path that text is escaped already.
func (s *scope) compile(text string, m mode) (template, error) {
	t := template{source: text}
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "{{")
		if m == inForm || m == inJSONText {
			before = string(appendEscaped(nil, []byte(before), m))
		}
		t.add(part{text: before})
		if !found {
			break
		}
		offset := len(text) - len(after) - 2
		inside, behind, closed := strings.Cut(after, "}}")
		if !closed {
			return template{}, &templateError{offset, "has {{ without }}"}
		}
		if err := s.place(&t, inside, m); err != nil {
			return template{}, &templateError{offset, err.Error()}
		}
		rest = behind
	}
	t.pack()
	return t, nil
}

// only reports whether a text is a single template.
func only(text string) bool {
	return strings.HasPrefix(text, "{{") && strings.Index(text, "}}") == len(text)-2
}

// word is a word between {{ and }}.
type word struct {
	text   string
	quoted bool
}

// words splits the text between {{ and }} at spaces. A word in quotes can contain spaces.
func words(inside string) ([]word, error) {
	var all []word
	for rest := strings.TrimSpace(inside); rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		if rest[0] == '"' {
			text, after, closed := strings.Cut(rest[1:], `"`)
			if !closed {
				return nil, fmt.Errorf("has a quote that is not closed in {{%s}}", inside)
			}
			all, rest = append(all, word{text, true}), after
			continue
		}
		end := strings.IndexAny(rest, " \t\r\n")
		if end < 0 {
			end = len(rest)
		}
		all, rest = append(all, word{text: rest[:end]}), rest[end:]
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("has an empty {{%s}}", inside)
	}
	return all, nil
}

// place adds the text between {{ and }} to a template: a text in quotes, a function, or a name.
func (s *scope) place(t *template, inside string, m mode) error {
	all, err := words(inside)
	if err != nil {
		return err
	}
	first := all[0]
	switch {
	case first.quoted && len(all) == 1:
		t.text(first.text, m)
		return nil
	case isFunction(first.text) && !first.quoted:
		return s.call(t, first.text, all[1:], m)
	case len(all) > 1:
		return fmt.Errorf("has {{%s}}, but %s is not a function%s", strings.TrimSpace(inside), first.text, suggest.Among(first.text, strings.Fields(functions)))
	}
	return s.name(t, first.text, m, false)
}

// text adds a constant text, escaped.
func (t *template) text(text string, m mode) {
	if m == asJSON {
		t.add(part{text: quoted(text)})
		return
	}
	t.add(part{text: string(appendEscaped(nil, []byte(text), m))})
}

// computed adds a part that renders a text.
func (t *template) computed(p part, m mode) {
	if p.mode = m; m == asJSON {
		p.mode = inJSONText
		t.add(part{text: `"`})
		defer t.add(part{text: `"`})
	}
	t.add(p)
}
