package server

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// redirectToPlain sends a client that put slashes behind the path of a call to the
// path without them, as the earlier service did, and reports whether it has. Status
// 307 keeps method and body. Pages and what is mounted have no such redirect: there a
// slash may make a difference.
//
// A method that the call does not have is redirected as well, and answered there.
//
// The redirect is counted under the endpoint of the call. Location is a path of a call
// that exists, and so never leads to another host.
func (s *Server) redirectToPlain(w http.ResponseWriter, r *http.Request) bool {
	escaped := r.URL.EscapedPath()
	if !strings.HasSuffix(escaped, "/") || escaped == "/" {
		return false
	}
	if _, pattern := s.mux.Handler(r); pattern != anything {
		return false
	}
	plain, err := url.Parse(strings.TrimRight(escaped, "/"))
	if err != nil || plain.Host != "" || path.Clean(plain.EscapedPath()) != plain.EscapedPath() {
		return false
	}
	plain.RawQuery = r.URL.RawQuery
	probe := *r
	probe.URL = plain
	_, pattern := s.mux.Handler(&probe)
	if pattern == anything && !isItemCall(plain.Path) { // DELETE /api/items/ names no item
		_, pattern = s.otherMethods(&probe)
	}
	if _, isCall := s.calls[pattern]; !isCall || pattern == anything {
		return false
	}
	r.Pattern = pattern
	w.Header().Set("Location", plain.String())
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true
}
