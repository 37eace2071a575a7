package server

import (
	"log/slog"
	"net/http"
	"time"
)

// Access is the access control of a [Mount].
type Access uint8

const (
	// Open allows all requests.
	Open Access = iota
	// AdminWrites allows reads to everyone, and all other methods to admins.
	AdminWrites
	// Admin allows requests of admins only.
	Admin
)

// Mount is a handler that is served on the same address as the API, such as a page, the
// monitoring or the demo users. Its requests are not counted and get no injected faults.
type Mount struct {
	// Pattern is a pattern of [http.ServeMux]. A mount at GET /{$} replaces the
	// redirect from / to the documentation.
	Pattern string
	Handler http.Handler
	Access  Access
	// Page allows pages of other sites to link to it. They cannot make a browser read
	// any other mount.
	Page bool
}

// home is the pattern of the home page.
const home = "GET /{$}"

// mount registers the mounts, and reports whether one of them is the home page.
func (f *front) mount(mounts []Mount) (hasHome bool) {
	for _, m := range mounts {
		f.mux.Handle(m.Pattern, f.gate.guard(m.Access, m.Handler))
		f.guarded[m.Pattern] = !m.Page
		hasHome = hasHome || m.Pattern == home
	}
	return hasHome
}

// guard wraps a handler with its access control.
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

// FrontOptions are the options of [NewFront].
type FrontOptions struct {
	Mounts []Mount
	// AdminToken, Loopback, AllowedHosts and Admit are as in [Options].
	AdminToken   string
	Loopback     bool
	AllowedHosts []string
	Admit        Admit
	Logger       *slog.Logger
}

// NewFront returns a handler that serves only mounts, without the API. The rules of
// access are the same as those of a [Server].
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
		if p := f.reject(r); p != nil {
			p.write(answer, r)
			return
		}
		f.mux.ServeHTTP(answer, r)
	})
}
