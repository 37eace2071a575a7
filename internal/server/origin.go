package server

import (
	"net/http"
	"net/url"
	"strings"
)

// refuse returns the problem with a request that a page of a stranger made a
// browser send, or nil. It also sets the pattern that a refused request counts for.
func (f *front) refuse(r *http.Request) *Problem {
	if !f.hosts.allows(r.Host) {
		r.Pattern = anything
		return foreignHost.problem()
	}
	if f.crossOrigin.Check(r) != nil {
		_, r.Pattern = f.mux.Handler(r)
		return crossOrigin.problem()
	}
	if isCrossSite(r) && f.isGuarded(r) {
		_, r.Pattern = f.mux.Handler(r)
		return crossSiteRead.problem()
	}
	return nil
}

// isGuarded reports whether pages of other sites may not even read what the request
// asks for. It goes by the pattern that the mux chooses, so that no spelling of a
// path gets around it.
func (f *front) isGuarded(r *http.Request) bool {
	probe := *r
	if probe.Method == http.MethodOptions { // asks about what GET would do
		probe.Method = http.MethodGet
	}
	_, pattern := f.mux.Handler(&probe)
	return f.guarded[pattern]
}

// isCrossSite reports whether a page of another site made a browser send the
// request: by an image, a script, a form, a frame, a link.
//
// Browsers say so in Sec-Fetch-Site, but not in plain http to an address other than
// loopback. There Origin and Referer say so, unless the page has kept the browser from
// sending them. Programs send none of the three.
func isCrossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "same-site", "none":
		return false
	case "":
	default:
		return true
	}
	for _, name := range []string{"Origin", "Referer"} {
		if page := r.Header.Get(name); page != "" {
			u, err := url.Parse(page)
			return err != nil || !strings.EqualFold(u.Host, r.Host)
		}
	}
	return false
}
