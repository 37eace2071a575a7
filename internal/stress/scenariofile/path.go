package scenariofile

import (
	"slices"
	"strings"

	"onsale/internal/stress/suggest"
)

// methods are the common methods. Others are valid too, unless they look like a typing error of one of these.
const methods = "GET POST PUT PATCH DELETE HEAD OPTIONS"

// method reads the method: GET by default, and POST with a body.
func (f *fileReader) method(fields map[string]node, st *step) {
	st.method = "GET"
	if st.hasBody {
		st.method = "POST"
	}
	n, ok := fields["method"]
	if !ok {
		return
	}
	st.method = f.text(n)
	known := strings.Fields(methods)
	switch upper := strings.ToUpper(st.method); {
	case st.method == "" || !isToken(st.method):
		f.fail(n, "must be a method such as GET or POST")
	case st.method != upper:
		f.fail(n, "must be written in capitals: %s", upper)
	case !slices.Contains(known, upper) && suggest.Closest(upper, known) != "":
		f.fail(n, "is not a known method%s", suggest.Among(upper, known))
	}
}

// isToken reports whether a text is valid as a method or as the name of a header field (RFC 9110, 5.6.2).
func isToken(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return text != ""
}

// path reads a path. The value of a template at its beginning is a path itself, such as a Location, and is not escaped.
func (f *fileReader) path(n node, st *step, s *scope) {
	text := f.text(n)
	how := inPath
	switch {
	case strings.HasPrefix(text, "{{"):
		st.wholePath, how = true, plainText
	case text == "":
		if n.scalar() {
			f.fail(n, "must not be empty")
		}
		return
	case strings.Contains(text, "://"):
		f.fail(n, "must be a path such as /concerts; the host is set with host or --host")
		return
	case text[0] != '/':
		f.fail(n, "must begin with a slash")
		return
	}
	if i := strings.IndexFunc(outside(text), func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }); i >= 0 {
		f.fail(n, "has characters that must be escaped with %%XX, such as %%20 for a space")
		return
	}
	st.path = f.template(n, text, how, s)
	if st.wholePath && len(st.path.parts) > 1 {
		// The rest after the first template is an ordinary path.
		st.path = f.continued(n, text, s)
	}
	st.name = placeholders(text)
}

// continued compiles a path whose first template is a path itself.
func (f *fileReader) continued(n node, text string, s *scope) template {
	end := strings.Index(text, "}}") + len("}}")
	t := f.template(n, text[:end], plainText, s)
	rest := f.template(n, text[end:], inPath, s)
	t.parts = append(t.parts, rest.parts...)
	t.source = text
	t.pack()
	return t
}

// outside returns a text without its templates.
func outside(text string) string {
	var b strings.Builder
	for text != "" {
		before, after, _ := strings.Cut(text, "{{")
		b.WriteString(before)
		_, text, _ = strings.Cut(after, "}}")
	}
	return b.String()
}

// placeholders returns the name of a path in statistics, with templates as [name].
func placeholders(text string) string {
	var b strings.Builder
	for text != "" {
		before, after, found := strings.Cut(text, "{{")
		b.WriteString(before)
		if !found {
			break
		}
		inside, behind, _ := strings.Cut(after, "}}")
		all, err := words(inside)
		switch {
		case err != nil:
		case all[0].quoted:
			b.WriteString(all[0].text)
		case len(all) > 1 && (all[0].text == "number" || all[0].text == "string"):
			b.WriteString("[" + all[1].text + "]")
		default:
			b.WriteString("[" + all[0].text + "]")
		}
		text = behind
	}
	return b.String()
}
