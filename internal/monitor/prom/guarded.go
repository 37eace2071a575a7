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

// guarded limits what clients may ask of the library. It refuses a call that would
// cost too much after a cheap look at it. The others pass the turnstile, with limits on
// time, memory and the length of the answer.
type guarded struct {
	next        http.Handler
	free        http.Handler  // next, for calls that cost next to nothing
	defaultStep time.Duration // of a subquery that names none
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
		(&denial{http.StatusNotFound, "not_found", "this API only reads, and has no such path"}).answer(w)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
		badData(http.StatusMethodNotAllowed, "this API only reads, by GET or POST").answer(w)
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

// callOf returns the first part of a path below /api/v1/, if it reads, and whether
// the call costs next to nothing. The names are those that are let through, not
// those that are not, so that a new version of the library opens nothing.
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

// queue waits for the client's turn, works on the call and lets the next one in
// before the answer is sent.
func (g *guarded) queue(w http.ResponseWriter, r *http.Request) {
	leave, after, err := g.turnstile.Enter(r.Context(), endpoint.ClientOf(r.RemoteAddr).String())
	if err != nil {
		w.Header().Set("Retry-After", strconv.Itoa(wholeSeconds(after)))
		answerError(w, http.StatusServiceUnavailable, "unavailable", turnstile.ErrBusy.Error())
		return
	}
	var a *reply.Kept
	func() {
		used := queryTimeout // of a call that panics
		defer func() { leave(used) }()
		used = measure(func() { a = g.work(r) })
	}()
	if !g.outlet.Send(w, a) {
		w.Header().Set("Retry-After", "1")
		answerError(w, http.StatusServiceUnavailable, "unavailable", reply.Busy)
	}
}

// work calls the library and keeps its answer.
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

// verdict says which limit a call has exceeded, if it did.
func verdict(ctx context.Context, a *reply.Kept) *denial {
	switch cause := context.Cause(ctx); {
	case a.TooLong():
		return &denial{http.StatusUnprocessableEntity, "execution", fmt.Sprintf(
			"the answer is longer than %d MB; ask for fewer series or a longer step", reply.MaxLength>>20)}
	case a.Status() < http.StatusBadRequest || cause == nil:
		return nil
	case errors.Is(cause, errMemory):
		return &denial{http.StatusUnprocessableEntity, "execution", errMemory.Error()}
	case errors.Is(cause, context.DeadlineExceeded):
		return &denial{http.StatusServiceUnavailable, "timeout", fmt.Sprintf("the query took longer than %s", queryTimeout)}
	}
	return nil
}

// wholeSeconds rounds up, for Retry-After.
func wholeSeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
