package server

import (
	"log/slog"
	"net/http"
	"time"
)

// Access says who may ask what is mounted beside the API.
type Access uint8

const (
	// Open lets everybody in.
	Open Access = iota
	// AdminWrites lets everybody read, and admins alone do more.
	AdminWrites
	// Admin lets admins in alone.
	Admin
)

// Mount is something beside the API on the same address: a page, the
// monitoring, the crowd. It is neither counted nor struck by faults.
type Mount struct {
	// Pattern is the mux's. One of the home page, GET /{$}, takes the place of
	// the redirect to the documentation.
	Pattern string
	Handler http.Handler
	Access  Access
	// Page lets pages of other sites link to it. They cannot make a browser read
	// anything else that is mounted.
	Page bool
}

// home is the pattern of the page that a browser opens first.
const home = "GET /{$}"

// mount registers what stands beside the API.
func (f *front) mount(mounts []Mount) (hasHome bool) {
	for _, m := range mounts {
		f.mux.Handle(m.Pattern, f.gate.guard(m.Access, m.Handler))
		f.guarded[m.Pattern] = !m.Page
		hasHome = hasHome || m.Pattern == home
	}
	return hasHome
}

// guard keeps those out of a handler who may not ask it.
func (g *gate) guard(access Access, next http.Handler) http.Handler {
	if access == Open {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if access == Admin || !isRead(r) {
			if p := g.check(r); p != nil {
				p.write(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// FrontOptions are those of a [NewFront].
type FrontOptions struct {
	Mounts []Mount
	// AdminToken, Loopback, AllowedHosts and Admit are those of [Options].
	AdminToken   string
	Loopback     bool
	AllowedHosts []string
	Admit        Admit
	Logger       *slog.Logger
}

// NewFront returns what answers requests where there is no API, but only what
// else would stand beside it. The rules for who may ask are the same.
func NewFront(o FrontOptions) http.Handler {
	log := o.Logger.With("component", "server")
	f := newFront(newGate(o.AdminToken, "", o.Loopback, newTries(time.Now, log, func() {})), o.AllowedHosts, log)
	f.mount(o.Mounts)
	d := newDoor(o.Admit, f.gate, f.mux, o.Mounts)
	f.mux.HandleFunc(anything, f.unknown)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &response{ResponseWriter: w}
		defer func() { f.rescue(answer, r, recover()) }()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !d.admits(answer, r) {
			return
		}
		if p := f.refuse(r); p != nil {
			p.write(answer, r)
			return
		}
		f.mux.ServeHTTP(answer, r)
	})
}
