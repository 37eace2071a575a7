package scenariofile

import (
	"fmt"
	"strings"

	"onsale/internal/stress/guess"
)

// mode is how a value is written where a template stands.
type mode uint8

const (
	plainText mode = iota
	// inPath escapes what is not a letter, a digit or one of -._~ with %XX.
	inPath
	// inForm does too, but writes a space as +.
	inForm
	// inJSONText escapes within the quotes of a JSON text.
	inJSONText
	// asJSON writes a whole JSON value: numbers, true and what else was JSON as they are,
	// all others in quotes.
	asJSON
)

// op is what a part of a template does.
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

// part is a piece of a template: text that stays, or something that is filled in.
type part struct {
	op   op
	mode mode
	text string
	// words are those to pick from, escaped already.
	words []string
	// slot is that of a captured value, or the table of a column; number is the column, the least of
	// the numbers, or the length of a text; span is how many numbers there are.
	slot   int
	number int64
	span   int64
	// asNumber writes what is a number as one.
	asNumber bool
}

// template is a text with places to fill in, compiled.
type template struct {
	// source is the template as it was written, for messages: it has no values in it.
	source string
	parts  []part
}

// constant returns the text of a template that has nothing to fill in.
func (t *template) constant() (text string, ok bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].op == literal:
		return t.parts[0].text, true
	}
	return "", false
}

// fixed returns a template that is nothing but its text.
func fixed(text string) template {
	t := template{source: text}
	t.add(part{text: text})
	return t
}

// add appends a part. A template is packed when all its parts are there.
func (t *template) add(p part) {
	if p.op != literal || p.text != "" {
		t.parts = append(t.parts, p)
	}
}

// pack joins literals that stand beside each other.
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

// templateError is what is wrong with a template.
type templateError struct {
	// offset is where in the text, in bytes.
	offset  int
	message string
}

func (e *templateError) Error() string { return e.message }

// compile reads a template. What it names must be known in the scope. The text around it is
// escaped in forms and JSON; that of a path is escaped already.
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

// only reports whether a text is one template and nothing else.
func only(text string) bool {
	return strings.HasPrefix(text, "{{") && strings.Index(text, "}}") == len(text)-2
}

// word is one of those between {{ and }}.
type word struct {
	text   string
	quoted bool
}

// words splits what stands between {{ and }} at its spaces. Quotes keep a word together.
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

// place adds what stands between {{ and }}: a text in quotes, a function, or a name.
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
		return fmt.Errorf("has {{%s}}, but %s is no function%s", strings.TrimSpace(inside), first.text, guess.Among(first.text, strings.Fields(functions)))
	}
	return s.name(t, first.text, m, false)
}

// text adds a text that is known by now, escaped.
func (t *template) text(text string, m mode) {
	if m == asJSON {
		t.add(part{text: quoted(text)})
		return
	}
	t.add(part{text: string(appendEscaped(nil, []byte(text), m))})
}

// computed adds a part that makes a text.
func (t *template) computed(p part, m mode) {
	if p.mode = m; m == asJSON {
		p.mode = inJSONText
		t.add(part{text: `"`})
		defer t.add(part{text: `"`})
	}
	t.add(p)
}
