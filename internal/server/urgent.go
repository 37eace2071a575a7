package server

import (
	"maps"
	"net/http"
	"slices"
)

// Admit reports whether a request may be served, and is asked before anything
// else happens to it: where all connections are taken, only urgent requests may.
// It may set headers of the answer. See package edge.
type Admit func(w http.ResponseWriter, r *http.Request, urgent func(*http.Request) bool) bool

// probes are the paths that tell whether a server, or what is mounted on it, is in
// good order.
var probes = map[string]bool{"/health": true, "/ready": true, "/metrics": true, "/-/healthy": true, "/-/ready": true}

// Probes returns the paths that tell whether a server, or what is mounted on it, is
// in good order, the metrics among them. They must be answered in time, whatever else
// the server has to do.
func Probes() []string { return slices.Sorted(maps.Keys(probes)) }

// door lets requests in, or answers that there are too many connections.
type door struct {
	admit Admit // nil lets everything in
	gate  *gate
	mux   *http.ServeMux
	// admin has the patterns of admin calls; true where reading is open.
	admin map[string]bool
	// isUrgent is urgent, bound once and not for each request.
	isUrgent func(*http.Request) bool
}

func newDoor(admit Admit, g *gate, mux *http.ServeMux, mounts []Mount) *door {
	d := &door{admit: admit, gate: g, mux: mux, admin: make(map[string]bool)}
	for _, m := range mounts {
		if m.Access != Open {
			d.admin[m.Pattern] = m.Access == AdminWrites
		}
	}
	d.isUrgent = d.urgent
	return d
}

// admits reports whether a request may come in, and answers it if it may not.
func (d *door) admits(w http.ResponseWriter, r *http.Request) bool {
	if d.admit == nil || d.admit(w, r, d.isUrgent) {
		return true
	}
	_, r.Pattern = d.mux.Handler(r)
	busy.problem().write(w, r)
	return false
}

// urgent reports whether a request is a probe, or an admin call that brings what
// the gate demands.
func (d *door) urgent(r *http.Request) bool {
	if isRead(r) && probes[r.URL.Path] && r.ContentLength == 0 { // a probe sends no body that one must wait for
		return true
	}
	_, pattern := d.mux.Handler(r)
	readable, isAdmin := d.admin[pattern]
	return isAdmin && (!readable || !isRead(r)) && d.gate.trusts(r)
}

// trusts reports whether a request may make admin calls. It counts no wrong token.
func (g *gate) trusts(r *http.Request) bool {
	return knows(r, g.token) || knows(r, g.own) || (g.open || g.token == nil) && g.check(r) == nil
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
