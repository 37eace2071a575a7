package scenariofile

import (
	"cmp"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"onsale/internal/stress/wire"
)

// address is where all requests of a scenario go.
type address struct {
	scheme, host string
	// base is the path that all requests have in common, escaped and without a slash at its end.
	base string
}

// newAddress returns that of a target. One that cannot be read has no cookies.
func newAddress(target *wire.Target) address {
	u, err := url.Parse(target.String())
	if err != nil {
		return address{}
	}
	return address{scheme: u.Scheme, host: u.Host, base: strings.TrimSuffix(u.EscapedPath(), "/")}
}

// below returns the path of a request for a path, or URL, that the target told, in
// a Location say, when it answered a request for the path from (empty if no answer
// told it). Everything goes to the target, so that another host's name is dropped. What
// cannot stand in a request is escaped: an error would repeat it.
func (t address) below(location, from string) string {
	location, _, _ = strings.Cut(location, "#")
	path, query, asks := strings.Cut(escapeURL(withoutHost(location)), "?")
	from, _, _ = strings.Cut(from, "?")
	// The URLs have a path alone, and no escapes are read or written in it (RFC 3986, 5.2).
	path = (&url.URL{Path: t.base + cmp.Or(from, "/")}).ResolveReference(&url.URL{Path: path}).Path
	if after, ok := strings.CutPrefix(path, t.base); ok && (after == "" || after[0] == '/') {
		path = cmp.Or(after, "/")
	}
	if asks {
		path += "?" + query
	}
	return path
}

// withoutHost returns what of a URL stands behind its host, http://host/path or //host/path.
func withoutHost(location string) string {
	rest, ok := strings.CutPrefix(location, "//")
	if scheme, after, found := strings.Cut(location, "://"); found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
		rest, ok = after, true
	}
	if !ok {
		return location
	}
	end := strings.IndexAny(rest, "/?")
	switch {
	case end < 0:
		return "/"
	case rest[end] == '?':
		return "/" + rest[end:]
	}
	return rest[end:]
}

// url returns that of a request, without the query, as cookies need it.
func (t address) url(path string) *url.URL {
	path, _, _ = strings.Cut(path, "?")
	path = t.base + path
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	return &url.URL{Scheme: t.scheme, Host: t.host, Path: path}
}

// jar keeps the cookies of one user. It takes no memory before the first.
type jar struct{ cookies *cookiejar.Jar }

func isSetCookie(name string) bool { return strings.EqualFold(name, "Set-Cookie") }

// take keeps the cookies that an answer sets. Those that are no cookies are left out, as browsers do.
func (j *jar) take(t address, path string, r *wire.Response) {
	var set []*http.Cookie
	for name, line := range r.Each {
		if !isSetCookie(name) {
			continue
		}
		if c, err := http.ParseSetCookie(line); err == nil {
			set = append(set, c)
		}
	}
	if len(set) == 0 {
		return
	}
	if j.cookies == nil {
		// Without a list of public suffixes, which guards other sites: here is one.
		j.cookies, _ = cookiejar.New(nil) // it has no error to return
	}
	j.cookies.SetCookies(t.url(path), set)
}

// appendCookies writes the value of the Cookie header: what the jar has for the step's path, and
// the step's own cookies, which go first where both have one of a name.
func (a *virtualUser) appendCookies(b []byte, s *step, path string) []byte {
	start := len(b)
	next := func() {
		if len(b) > start {
			b = append(b, "; "...)
		}
	}
	for i := range s.cookies {
		next()
		b = append(b, s.cookies[i].name...)
		b = append(b, '=')
		b = s.cookies[i].value.append(b, a)
	}
	if a.cookies.cookies == nil {
		return b
	}
	for _, c := range a.cookies.cookies.Cookies(a.shared.target.url(path)) {
		if s.hasCookie(c.Name) {
			continue
		}
		next()
		b = append(b, c.Name...)
		b = append(b, '=')
		b = appendCookieValue(b, c)
	}
	return b
}

// appendCookieValue writes the value of a cookie as it was set: quotes are part of it.
func appendCookieValue(b []byte, c *http.Cookie) []byte {
	if c.Quoted {
		b = append(b, '"')
		b = append(b, c.Value...)
		return append(b, '"')
	}
	return append(b, c.Value...)
}
