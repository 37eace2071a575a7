package scenariofile

import (
	"net/http"
	"regexp"

	"github.com/tidwall/gjson"

	"onsale/internal/stress/wire"
)

// maxCapture limits what is kept of an answer, in bytes: each user keeps it.
const maxCapture = 64 << 10

// capture keeps a part of an answer under a name.
type capture struct {
	slot int
	// detail says what was wanted, in case that it is not there.
	detail string
	from   source
	// body says that it looks into the body.
	body bool
	// fallback is the value where nothing is found; without one that is a failure.
	fallback    string
	hasFallback bool
}

// source appends a part of an answer to what is there.
type source interface {
	read(b []byte, a *virtualUser, r *wire.Response) (v value, ok bool)
}

var (
	_ source = (*jsonSource)(nil)
	_ source = headerSource("")
	_ source = cookieSource("")
	_ source = (*regexSource)(nil)
)

// jsonSource is the value at a path. Null is nothing.
type jsonSource struct{ path jsonPath }

func (s *jsonSource) read(b []byte, a *virtualUser, r *wire.Response) (value, bool) {
	found, ok := a.find(&s.path, r)
	if !ok || found.Type == gjson.Null {
		return value{text: b}, false
	}
	return value{text: append(b, readable(found)...), json: found.Type != gjson.String}, true
}

// headerSource is the first field of a name.
type headerSource string

func (s headerSource) read(b []byte, _ *virtualUser, r *wire.Response) (value, bool) {
	v := r.Header(string(s))
	return value{text: append(b, v...)}, v != ""
}

// cookieSource is a cookie that the answer sets.
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

// regexSource is the first group of an expression, or all of what it matches if it has none.
type regexSource struct{ expression *regexp.Regexp }

func (s *regexSource) read(b []byte, _ *virtualUser, r *wire.Response) (value, bool) {
	m := s.expression.FindSubmatchIndex(r.Body)
	if len(m) > 2 {
		m = m[2:]
	}
	if len(m) == 0 || m[0] < 0 { // nothing matches, or the group is not part of what does
		return value{text: b}, false
	}
	return value{text: append(b, r.Body[m[0]:m[1]]...)}, true
}

// keep captures a part of an answer; false is that it is not there.
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

// forget puts the fallback in place of what was captured before.
func (c *capture) forget(a *virtualUser) {
	a.values[c.slot] = value{text: append(a.values[c.slot].text[:0], c.fallback...)}
}
