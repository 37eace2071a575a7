package scenariofile

import (
	"slices"
	"strings"

	"onsale/internal/stress/wire"
)

// commonHeader is a header field of all requests. Requests send it from the step on that captured what it needs.
type commonHeader struct {
	node
	name string
	// sent is set if at least one request sends it; wrong is why others cannot.
	sent  bool
	wrong error
}

// readCommon reads the header fields of all requests.
func (f *fileReader) readCommon(n node) {
	for _, v := range f.pairs(n) {
		if f.headerName(v) {
			f.common = append(f.common, &commonHeader{node: v.node, name: v.key.Value})
		}
	}
}

// commonHeaders adds the common fields that the step does not set itself.
func (f *fileReader) commonHeaders(st *step, s *scope) {
	for _, c := range f.common {
		if st.hasHeader(c.name) || !c.scalar() {
			continue
		}
		t, err := s.compile(c.follow().Value, plainText)
		if err != nil {
			c.wrong = err
			continue
		}
		if !c.sent {
			f.line(c.node)
			f.oneLine(c.node, &t)
		}
		c.sent = true
		st.addHeader(pair{c.name, t})
	}
}

// checkCommon reports the fields that no request can send, because they use an unknown name.
func (f *fileReader) checkCommon() {
	for _, c := range f.common {
		switch {
		case !c.scalar():
			f.line(c.node)
		case !c.sent:
			f.wrongTemplate(c.node, c.follow().Value, c.wrong)
		}
	}
}

// stepHeaders reads the header fields of a step.
func (f *fileReader) stepHeaders(n node, st *step, s *scope) {
	for _, v := range f.pairs(n) {
		if !f.headerName(v) {
			continue
		}
		if st.hasHeader(v.key.Value) {
			f.fail(node{Node: v.key, at: v.at}, "is set twice")
			continue
		}
		st.addHeader(pair{v.key.Value, f.lineTemplate(v.node, s)})
	}
}

// headerName reports whether requests can set a field of that name.
func (f *fileReader) headerName(v field) bool {
	var why string
	switch name := v.key.Value; {
	case !isToken(name):
		why = "is not a valid header name"
	case strings.EqualFold(name, "Cookie"):
		why = "cannot be set here: use cookies, with names and values"
	case strings.EqualFold(name, "Content-Length"), strings.EqualFold(name, "Transfer-Encoding"):
		why = "cannot be set, because it follows from the body"
	default:
		return true
	}
	f.fail(node{Node: v.key, at: v.at}, "%s", why)
	return false
}

// line reads a text of one line, such as a header field or a cookie.
func (f *fileReader) line(n node) string {
	if n.scalar() && n.follow().Value == "" {
		return ""
	}
	text := f.text(n)
	if strings.ContainsFunc(outside(text), isControl) {
		f.fail(n, "must be one line without control characters")
	}
	return text
}

// lineTemplate compiles a text that must be one line.
func (f *fileReader) lineTemplate(n node, s *scope) template {
	t := f.template(n, f.line(n), plainText, s)
	f.oneLine(n, &t)
	return t
}

// oneLine checks that values that are known when the file is loaded, such as environment variables, have no line break.
func (f *fileReader) oneLine(n node, t *template) {
	for _, p := range t.parts {
		if slices.ContainsFunc(append(p.words, p.text), func(text string) bool { return strings.ContainsFunc(text, isControl) }) {
			if !strings.ContainsFunc(outside(t.source), isControl) {
				f.fail(n, "has a line break or another control character in the value of a {{…}}")
			}
			return
		}
	}
}

// isControl reports whether a header field cannot contain a character.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// addHeader adds a field to the constant or to the changing ones.
func (st *step) addHeader(p pair) {
	if text, ok := p.value.constant(); ok {
		st.header = append(st.header, wire.Field{Name: p.name, Value: text})
		return
	}
	st.changing = append(st.changing, p)
}

// cookies reads the cookies that a step sends in addition to those of the jar.
func (f *fileReader) cookies(n node, st *step, s *scope) {
	for _, v := range f.pairs(n) {
		name := v.key.Value
		if !isToken(name) {
			f.fail(node{Node: v.key, at: v.at}, "is not a valid cookie name")
			continue
		}
		t := f.lineTemplate(v.node, s)
		if strings.Contains(outside(t.source), ";") {
			f.fail(v.node, "must be the value of one cookie, without ;")
		}
		st.cookies = append(st.cookies, pair{name, t})
	}
}
