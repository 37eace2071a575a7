package server

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// redirectToPlain redirects a request for the path of a call with trailing slashes to the
// path without them, as the earlier service did. It reports whether it did so. Status 307
// keeps method and body. Pages and mounts have no such redirect, because a slash can be
// significant there.
//
// A method that the call does not support is redirected as well, and rejected there.
//
// The redirect is counted under the endpoint of the call. Location is always the path of
// an existing call, so it never points to another host.
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
