package prom

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"onsale/internal/endpoint"
	"onsale/internal/monitor/reply"
	"onsale/internal/monitor/turnstile"
)

// noSuchPath is the error for all paths and calls that are not served.
const noSuchPath = "this API is read-only and has no such path"

// guarded limits the calls of clients to the library. A cheap check rejects calls that
// would cost too much. The others pass the turnstile, with limits on time, memory and
// the length of the response.
type guarded struct {
	next        http.Handler
	free        http.Handler  // next, for calls that cost almost nothing
	defaultStep time.Duration // the step of a subquery without one
	turnstile   *turnstile.Turnstile
	outlet      reply.Outlet
}

func newGuarded(next http.Handler, o Options) *guarded {
	free := reply.Few(next, func(w http.ResponseWriter, status int, message string) {
		answerError(w, status, "unavailable", message)
	})
	return &guarded{next: next, free: free, defaultStep: o.EvaluationInterval, turnstile: turnstile.New(o.QueryShare)}
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call, free := callOf(r.URL.Path)
	if call == "" {
		(&denial{http.StatusNotFound, "not_found", noSuchPath}).answer(w)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
		badData(http.StatusMethodNotAllowed, "this API is read-only; use GET or POST").answer(w)
		return
	}
	r, no := withForm(w, r)
	if no == nil {
		no = checkForm(call, r.Form, g.defaultStep)
	}
	if no != nil {
		no.answer(w)
		return
	}
	if free && !r.Form.Has("match[]") || r.Method == http.MethodOptions {
		g.free.ServeHTTP(w, r)
		return
	}
	g.queue(w, r)
}

// callOf returns the first part of a path below /api/v1/ if the call is served, and
// whether it costs almost nothing. It is a list of allowed calls, so that a new version
// of the library does not expose new ones.
func callOf(path string) (call string, free bool) {
	call, below, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
	switch call {
	case "query", "query_range", "query_exemplars", "format_query", "parse_query",
		"labels", "label", "series", "metadata", "status":
		return call, false
	case "targets", "scrape_pools", "alertmanagers", "rules", "alerts":
		return call, below == ""
	}
	return "", false
}

// queue waits for the client's turn and runs the call. The next call can start before the
// response is sent.
func (g *guarded) queue(w http.ResponseWriter, r *http.Request) {
	leave, after, err := g.turnstile.Enter(r.Context(), endpoint.ClientOf(r.RemoteAddr).String())
	if err != nil {
		w.Header().Set("Retry-After", strconv.Itoa(wholeSeconds(after)))
		answerError(w, http.StatusServiceUnavailable, "unavailable", turnstile.ErrBusy.Error())
		return
	}
	var a *reply.Kept
	func() {
		used := queryTimeout // charged if the call panics
		defer func() { leave(used) }()
		used = measure(func() { a = g.work(r) })
	}()
	if !g.outlet.Send(w, a) {
		w.Header().Set("Retry-After", "1")
		answerError(w, http.StatusServiceUnavailable, "unavailable", reply.Busy)
	}
}

// work calls the library and buffers its response.
func (g *guarded) work(r *http.Request) *reply.Kept {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	ctx, stop := watchMemory(ctx)
	defer stop()
	a := reply.New()
	g.next.ServeHTTP(a, r.WithContext(ctx))
	if no := verdict(ctx, a); no != nil {
		a = reply.New()
		no.answer(a)
	}
	return a
}

// verdict returns a denial if a call has exceeded a limit, or nil.
func verdict(ctx context.Context, a *reply.Kept) *denial {
	switch cause := context.Cause(ctx); {
	case a.TooLong():
		return &denial{http.StatusUnprocessableEntity, "execution", fmt.Sprintf(
			"the answer is longer than %d MB; request fewer series or a longer step", reply.MaxLength>>20)}
	case a.Status() < http.StatusBadRequest || cause == nil:
		return nil
	case errors.Is(cause, errMemory):
		return &denial{http.StatusUnprocessableEntity, "execution", errMemory.Error()}
	case errors.Is(cause, context.DeadlineExceeded):
		return &denial{http.StatusServiceUnavailable, "timeout", fmt.Sprintf("the query took longer than %s", queryTimeout)}
	}
	return nil
}

// wholeSeconds rounds up to whole seconds, for Retry-After.
func wholeSeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
