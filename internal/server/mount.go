package server

import (
	"log/slog"
	"net/http"
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
}

// home is the pattern of the page that a browser opens first.
const home = "GET /{$}"

// mount registers what stands beside the API.
func mount(mux *http.ServeMux, g *gate, mounts []Mount) (hasHome bool) {
	for _, m := range mounts {
		mux.Handle(m.Pattern, g.guard(m.Access, m.Handler))
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
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if access == Admin || !reads {
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
	// AdminToken and Loopback are those of [Options].
	AdminToken string
	Loopback   bool
	// Admit is that of [Options].
	Admit  Admit
	Logger *slog.Logger
}

// NewFront returns what answers requests where there is no API, but only what
// else would stand beside it. The rules for who may ask are the same.
func NewFront(o FrontOptions) http.Handler {
	f := front{mux: http.NewServeMux(), log: o.Logger.With("component", "server")}
	g := newGate(o.AdminToken, "", o.Loopback)
	mount(f.mux, g, o.Mounts)
	d := newDoor(o.Admit, g, f.mux, o.Mounts)
	f.mux.HandleFunc(anything, f.unknown)
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &response{ResponseWriter: w}
		defer func() { f.rescue(answer, r, recover()) }()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !d.admits(answer, r) {
			return
		}
		if protection.Check(r) != nil {
			crossOrigin.problem().write(answer, r)
			return
		}
		f.mux.ServeHTTP(answer, r)
	})
}
