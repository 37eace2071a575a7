package scenariofile

import (
	"cmp"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"onsale/internal/stress/wire"
)

// address is the target of all requests of a scenario.
type address struct {
	scheme, host string
	// base is the path of the target's URL, escaped and without a slash at its end.
	base string
}

// newAddress returns the address of a target. If its URL cannot be parsed, there are no cookies.
func newAddress(target *wire.Target) address {
	u, err := url.Parse(target.String())
	if err != nil {
		return address{}
	}
	return address{scheme: u.Scheme, host: u.Host, base: strings.TrimSuffix(u.EscapedPath(), "/")}
}

// below returns the path of a request for a path or URL that the target returned, for example in
// a Location, in the answer to a request for the path from (empty if it is from elsewhere).
// Every request goes to the target, so that the name of another host is dropped. Characters that
// a request cannot have are escaped, because an error would show the path, which can be secret.
func (t address) below(location, from string) string {
	location, _, _ = strings.Cut(location, "#")
	path, query, asks := strings.Cut(escapeURL(withoutHost(location)), "?")
	from, _, _ = strings.Cut(from, "?")
	// Paths are resolved in their escaped form (RFC 3986, 5.2).
	path = (&url.URL{Path: t.base + cmp.Or(from, "/")}).ResolveReference(&url.URL{Path: path}).Path
	if after, ok := strings.CutPrefix(path, t.base); ok && (after == "" || after[0] == '/') {
		path = cmp.Or(after, "/")
	}
	if asks {
		path += "?" + query
	}
	return path
}

// withoutHost returns the part of a URL after its host: http://host/path or //host/path.
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

// url returns the URL of a request without its query, for the cookie jar.
func (t address) url(path string) *url.URL {
	path, _, _ = strings.Cut(path, "?")
	path = t.base + path
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	return &url.URL{Scheme: t.scheme, Host: t.host, Path: path}
}

// jar keeps the cookies of one user. It takes no memory before the first cookie.
type jar struct{ cookies *cookiejar.Jar }

func isSetCookie(name string) bool { return strings.EqualFold(name, "Set-Cookie") }

// take keeps the cookies that an answer sets. It ignores invalid ones, as browsers do.
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
		// A list of public suffixes protects other sites; here there is only one.
		j.cookies, _ = cookiejar.New(nil) // it never returns an error
	}
	j.cookies.SetCookies(t.url(path), set)
}

// appendCookies appends the value of the Cookie header: the step's own cookies, and those of the jar for the
// step's path that have other names.
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

// appendCookieValue appends the value of a cookie as it was set, quotes included.
func appendCookieValue(b []byte, c *http.Cookie) []byte {
	if c.Quoted {
		b = append(b, '"')
		b = append(b, c.Value...)
		return append(b, '"')
	}
	return append(b, c.Value...)
}
