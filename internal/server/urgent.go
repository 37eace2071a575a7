package server

import (
	"maps"
	"net/http"
	"slices"
)

// Admit reports whether a request may be served. It is called first for each request:
// when all connections are taken, it admits only urgent requests. It may set headers of
// the answer. See package edge.
type Admit func(w http.ResponseWriter, r *http.Request, urgent func(*http.Request) bool) bool

// probes are the paths of the health checks and metrics of the server and of its mounts.
var probes = map[string]bool{"/health": true, "/ready": true, "/metrics": true, "/-/healthy": true, "/-/ready": true}

// Probes returns the paths of the health checks and metrics of the server and of its
// mounts, sorted. They must be answered in time even under load.
func Probes() []string { return slices.Sorted(maps.Keys(probes)) }

// door admits requests, or answers 503 if there are too many connections.
type door struct {
	admit Admit // nil admits all requests
	gate  *gate
	mux   *http.ServeMux
	// admin has the patterns of admin calls; the value is true if anyone may read them.
	admin map[string]bool
	// isUrgent is the method value of urgent, kept to avoid an allocation per request.
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

// admits reports whether a request is admitted, and answers it otherwise.
func (d *door) admits(w http.ResponseWriter, r *http.Request) bool {
	if d.admit == nil || d.admit(w, r, d.isUrgent) {
		return true
	}
	_, r.Pattern = d.mux.Handler(r)
	busy.problem().write(w, r)
	return false
}

// urgent reports whether a request is a probe, or an admin call that the gate allows.
func (d *door) urgent(r *http.Request) bool {
	if isRead(r) && probes[r.URL.Path] && r.ContentLength == 0 { // probes have no body to wait for
		return true
	}
	_, pattern := d.mux.Handler(r)
	readable, isAdmin := d.admin[pattern]
	return isAdmin && (!readable || !isRead(r)) && d.gate.trusts(r)
}

// trusts reports whether a request may make admin calls. It does not count wrong tokens.
func (g *gate) trusts(r *http.Request) bool {
	return carries(r, g.token) || carries(r, g.own) || (g.open || g.token == nil) && g.check(r) == nil
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
