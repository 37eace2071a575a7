package server

import (
	"net/http"
	"net/url"
	"strings"
)

// reject returns a problem if a foreign page made a browser send the request, else nil.
// It also sets the pattern under which a rejected request is counted.
func (f *front) reject(r *http.Request) *Problem {
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

// isGuarded reports whether pages of other sites must not read the path of the request.
// It uses the pattern that the mux selects, so that no spelling of the path bypasses it.
func (f *front) isGuarded(r *http.Request) bool {
	probe := *r
	if probe.Method == http.MethodOptions { // guarded like GET
		probe.Method = http.MethodGet
	}
	_, pattern := f.mux.Handler(&probe)
	return f.guarded[pattern]
}

// isCrossSite reports whether a page of another site made a browser send the request, by
// an image, a script, a form, a frame or a link.
//
// Browsers state this in Sec-Fetch-Site, except over plain HTTP to an address that is
// not loopback. There Origin and Referer show it, unless the page suppressed them.
// Programs other than browsers send none of the three.
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
