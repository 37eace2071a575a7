package server

import (
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"onsale/internal/telemetry"
)

// serve answers a request, and counts and times it if it is a call of the API. It does
// everything that applies to all requests, and leaves the rest to the mux.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	start := s.options.Now().Add(-s.options.Waited(r))
	answer := &response{ResponseWriter: w}
	defer answer.reset() // last, so that the request is counted before the client notices
	leave := s.http.InFlight()
	defer leave()
	defer s.count(answer, r, start)
	defer func() { s.rescue(answer, r, recover()) }()

	w.Header()["X-Content-Type-Options"] = s.nosniff
	if s.draining.Load() {
		// Load balancers keep connections open. Closing one after an answer is harmless. Closing
		// it at the end of the drain could lose a request that is already on its way.
		w.Header().Set("Connection", "close")
	}
	if !s.door.admits(answer, r) {
		return
	}
	if p := s.reject(r); p != nil {
		p.write(answer, r)
		return
	}
	if s.redirectToPlain(answer, r) {
		return
	}
	if isItemCall(r.URL.Path) && path.Clean(r.URL.EscapedPath()) != r.URL.EscapedPath() {
		// The mux would redirect the client to the cleaned path.
		r.Pattern = anything
		pathNotFound.problem().write(answer, r)
		return
	}
	s.mux.ServeHTTP(answer, r)
}

// response records how a request is answered.
type response struct {
	http.ResponseWriter

	status    int // 0 until it is written
	outcome   outcome
	resetting bool // reset the connection instead of answering
}

// WriteHeader sends the status. It ignores all but the first final status.
func (w *response) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	if status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets an [http.ResponseController] flush and hijack.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// note records the outcome of a purchase until its request is counted.
func note(w http.ResponseWriter, o outcome) {
	if w, ok := w.(*response); ok {
		w.outcome = o
	}
}

// count counts a request under the pattern that the mux stored in it.
func (s *Server) count(w *response, r *http.Request, start time.Time) {
	call, ok := s.calls[r.Pattern]
	if !ok {
		return // a page, not a call
	}
	status := w.status
	if status == 0 {
		status = http.StatusOK // net/http sends it when a handler sends nothing
	}
	seconds := s.options.Now().Sub(start).Seconds()
	s.http.ObserveTrace(r.Method, call.endpoint, status, seconds, telemetry.TraceID(r.Header))
	if status == http.StatusTemporaryRedirect {
		return // the item or purchase is counted when the client follows the redirect
	}
	s.metrics.items.answered(r.Pattern, status, seconds)
	if call.purchase && w.outcome != outcomeNone {
		s.metrics.purchases[w.outcome].Inc()
	}
}

// front is the part that a [Server] and the handler of [NewFront] share.
type front struct {
	mux         *http.ServeMux
	log         *slog.Logger
	gate        *gate
	hosts       hostRule
	crossOrigin *http.CrossOriginProtection
	// guarded are the patterns that pages of other sites must not read. It does not
	// change once requests are served.
	guarded map[string]bool
}

func newFront(g *gate, allowedHosts []string, log *slog.Logger) front {
	return front{
		mux: http.NewServeMux(), log: log, gate: g, hosts: newHostRule(g.protects(), allowedHosts),
		crossOrigin: http.NewCrossOriginProtection(), guarded: make(map[string]bool),
	}
}

// rescue handles a panic: it answers 500, or aborts the connection if an answer was
// already begun. Panics that deliberately abort or reset the connection are not logged.
func (f *front) rescue(w *response, r *http.Request, cause any) {
	switch cause {
	case nil:
	case resetConnection{}:
		w.status, w.outcome, w.resetting = http.StatusInternalServerError, outcomeFailed, true
	case http.ErrAbortHandler:
		panic(cause)
	default:
		f.log.Error("handler panicked", "pattern", r.Pattern, "panic", cause, "stack", string(debug.Stack()))
		w.outcome = outcomeFailed
		if w.status != 0 {
			panic(http.ErrAbortHandler)
		}
		internal.problem().write(w, r)
	}
}

// unknown answers requests that no pattern matches: 405 if another method would match,
// else 404.
func (f *front) unknown(w http.ResponseWriter, r *http.Request) {
	if allowed, _ := f.otherMethods(r); len(allowed) > 0 {
		methodNotAllowed.problem().with("Allow", strings.Join(allowed, ", ")).write(w, r)
		return
	}
	pathNotFound.problem().write(w, r)
}

// otherMethods returns the methods for which a pattern matches the request's path, and
// the first of these patterns.
func (f *front) otherMethods(r *http.Request) (methods []string, first string) {
	for _, method := range []string{
		http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPost, http.MethodPut,
	} {
		probe := *r
		probe.Method = method
		if _, pattern := f.mux.Handler(&probe); pattern != anything {
			methods = append(methods, method)
			if first == "" {
				first = pattern
			}
		}
	}
	return methods, first
}
