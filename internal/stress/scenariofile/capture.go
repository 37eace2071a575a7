package scenariofile

import (
	"net/http"
	"regexp"

	"github.com/tidwall/gjson"

	"onsale/internal/stress/wire"
)

// maxCapture limits a captured value, in bytes: each user keeps its own.
const maxCapture = 64 << 10

// capture keeps a part of an answer for later requests.
type capture struct {
	slot int
	// detail is the detail of the failure if nothing is found.
	detail string
	from   source
	// body is set if the source reads the body.
	body bool
	// fallback is the value if nothing is found; without one, that is a failure.
	fallback    string
	hasFallback bool
}

// source appends a part of an answer to b. It returns false if the answer does not have it.
type source interface {
	read(b []byte, a *virtualUser, r *wire.Response) (v value, ok bool)
}

var (
	_ source = (*jsonSource)(nil)
	_ source = headerSource("")
	_ source = cookieSource("")
	_ source = (*regexSource)(nil)
)

// jsonSource is the JSON value at a path. It does not find null.
type jsonSource struct{ path jsonPath }

func (s *jsonSource) read(b []byte, a *virtualUser, r *wire.Response) (value, bool) {
	found, ok := a.find(&s.path, r)
	if !ok || found.Type == gjson.Null {
		return value{text: b}, false
	}
	return value{text: append(b, readable(found)...), json: found.Type != gjson.String}, true
}

// headerSource is the first header field of a name.
type headerSource string

func (s headerSource) read(b []byte, _ *virtualUser, r *wire.Response) (value, bool) {
	v := r.Header(string(s))
	return value{text: append(b, v...)}, v != ""
}

// cookieSource is the name of a cookie that the answer sets.
type cookieSource string

func (s cookieSource) read(b []byte, _ *virtualUser, r *wire.Response) (_ value, ok bool) {
	start := len(b)
	for name, line := range r.Each {
		if !isSetCookie(name) {
			continue
		}
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == string(s) {
			b, ok = appendCookieValue(b[:start], c), true
		}
	}
	return value{text: b}, ok
}

// regexSource is the first group of a regular expression, or the whole match if it has no group.
type regexSource struct{ expression *regexp.Regexp }

func (s *regexSource) read(b []byte, _ *virtualUser, r *wire.Response) (value, bool) {
	m := s.expression.FindSubmatchIndex(r.Body)
	if len(m) > 2 {
		m = m[2:]
	}
	if len(m) == 0 || m[0] < 0 { // no match, or the group is not part of it
		return value{text: b}, false
	}
	return value{text: append(b, r.Body[m[0]:m[1]]...)}, true
}

// keep captures a part of an answer. It returns false if there is neither such a part nor a fallback.
func (c *capture) keep(a *virtualUser, r *wire.Response) bool {
	v, ok := c.from.read(a.values[c.slot].text[:0], a, r)
	if ok && len(v.text) <= maxCapture {
		v.from = a.call.Request.Path
		a.values[c.slot] = v
		return true
	}
	c.forget(a)
	return c.hasFallback
}

// forget replaces the captured value with the fallback.
func (c *capture) forget(a *virtualUser) {
	a.values[c.slot] = value{text: append(a.values[c.slot].text[:0], c.fallback...)}
}
