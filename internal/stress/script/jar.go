package script

import (
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
// a Location say. Everything goes to the target, so that another host's name is dropped. What
// cannot stand in a request is escaped: an error would repeat it.
func (t address) below(location string) string {
	if scheme, rest, ok := strings.Cut(location, "://"); ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		location = rest[end:]
	}
	location, _, _ = strings.Cut(location, "#")
	location = escapeURL(location)
	if after, ok := strings.CutPrefix(location, t.base+"/"); ok {
		return "/" + after
	}
	return "/" + strings.TrimPrefix(location, "/")
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
func (a *actor) appendCookies(b []byte, s *step, path string) []byte {
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
	for _, c := range a.cookies.cookies.Cookies(a.stage.target.url(path)) {
		if s.hasCookie(c.Name) {
			continue
		}
		next()
		b = append(b, c.Name...)
		b = append(b, '=')
		b = append(b, c.Value...)
	}
	return b
}
