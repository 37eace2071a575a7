package scenariofile

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"onsale/internal/stress/wire"
)

// body reads the body of a request: a text, JSON or a form. JSON and forms set Content-Type, unless the step does.
func (f *fileReader) body(fields map[string]node, st *step, s *scope) {
	found := ""
	for _, name := range []string{"body", "json", "form"} {
		n, ok := fields[name]
		switch {
		case !ok:
			continue
		case found != "":
			f.fail(n, "cannot be combined with %s: a request has one body", found)
			return
		}
		found = name
		switch name {
		case "json":
			var b jsonBuilder
			b.value(f, n, s)
			b.template.pack()
			st.setBody(b.template, "application/json")
		case "form":
			st.setBody(f.form(n, s), "application/x-www-form-urlencoded")
		default:
			text := ""
			if !n.scalar() || n.follow().Value != "" {
				text = f.text(n)
			}
			st.setBody(f.template(n, text, plainText, s), "")
		}
	}
}

// setBody sets a body, and Content-Type unless the step sets it.
func (st *step) setBody(t template, contentType string) {
	st.hasBody, st.body = true, t
	if text, ok := t.constant(); ok {
		st.content = []byte(text)
	}
	if contentType != "" && !st.hasHeader("Content-Type") {
		st.header = append(st.header, wire.Field{Name: "Content-Type", Value: contentType})
	}
}

// form reads the fields of a form. A list of values sends a field several times.
func (f *fileReader) form(n node, s *scope) template {
	var t template
	for _, v := range f.pairs(n) {
		name := string(appendPercent(nil, []byte(v.key.Value), true))
		for _, item := range f.oneOrMore(v.node) {
			text := ""
			if !item.scalar() || item.follow().Value != "" {
				text = f.text(item)
			}
			if len(t.parts) > 0 {
				t.add(part{text: "&"})
			}
			t.add(part{text: name + "="})
			value := f.template(item, text, inForm, s)
			t.parts = append(t.parts, value.parts...)
		}
	}
	t.pack()
	return t
}

// jsonBuilder makes a template of a JSON document from YAML.
type jsonBuilder struct {
	template template
	depth    int
}

func (b *jsonBuilder) literal(text string) { b.template.add(part{text: text}) }

// value adds a value.
func (b *jsonBuilder) value(f *fileReader, n node, s *scope) {
	if b.depth++; b.depth > maxDepth {
		f.fail(n, "is nested too deeply")
		return
	}
	defer func() { b.depth-- }()
	switch {
	case n.mapping():
		b.literal("{")
		for i, v := range f.pairs(n) {
			if i > 0 {
				b.literal(",")
			}
			if strings.Contains(v.key.Value, "{{") {
				f.fail(node{Node: v.key, at: n.at}, "cannot have {{…}} in the names of fields")
			}
			b.literal(quoted(v.key.Value) + ":")
			b.value(f, v.node, s)
		}
		b.literal("}")
	case n.list():
		b.literal("[")
		for i, item := range f.items(n) {
			if i > 0 {
				b.literal(",")
			}
			b.value(f, item, s)
		}
		b.literal("]")
	default:
		b.scalar(f, n, s)
	}
}

// scalar adds a text, number, true, false or null. A text that is a single template becomes the JSON value of that.
func (b *jsonBuilder) scalar(f *fileReader, n node, s *scope) {
	c, err := scalarConstant(n.follow().Node)
	switch {
	case err != nil:
		f.fail(n, "%s", err.Error())
	case c.json:
		b.literal(c.text)
	case only(c.text):
		t := f.template(n, c.text, asJSON, s)
		b.template.parts = append(b.template.parts, t.parts...)
	default:
		t := f.template(n, c.text, inJSONText, s)
		b.literal(`"`)
		b.template.parts = append(b.template.parts, t.parts...)
		b.literal(`"`)
	}
}

// scalarConstant converts a YAML scalar to JSON: numbers, true, false and null
// stay what they are, all others are texts.
func scalarConstant(n *yaml.Node) (constant, error) {
	switch n.ShortTag() {
	case "!!null":
		return constant{"null", true}, nil
	case "!!bool":
		var v bool
		err := n.Decode(&v)
		return constant{strconv.FormatBool(v), true}, err
	case "!!int", "!!float":
		if isNumber([]byte(n.Value)) {
			return constant{n.Value, true}, nil
		}
		var v any
		if err := n.Decode(&v); err != nil {
			return constant{}, errors.New("must be a number that JSON can represent")
		}
		text, err := json.Marshal(v)
		if err != nil {
			return constant{}, errors.New("must be a number that JSON can represent")
		}
		return constant{string(text), true}, nil
	case "!!binary":
		return constant{}, errors.New("must be a text, a number, true, false or null")
	}
	return constant{text: n.Value}, nil
}
