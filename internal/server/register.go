package server

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"onsale/internal/fault"
	"onsale/internal/telemetry"
)

// route is a call of the API as routes.go lists it.
type route struct {
	// pattern is the mux's: method and path.
	pattern string
	// id and summary describe the call in OpenAPI; about adds details, if needed.
	id, summary, about string
	tag                string
	// admin means that the gate checks the request first.
	admin bool
	// exempt means that no fault is injected before the handler runs. That goes for
	// probes, for the fault controls, and for handlers that inject faults themselves.
	exempt bool
	// unchecked means that the handler, not Huma, validates the parameters.
	unchecked bool
	// body is the type of a body that the handler's input decodes, if any.
	body any
	// bodyTypes are the media types of the body; nil means JSON only.
	bodyTypes []string
	// status is the status of a success; 0 means 200.
	status int
	// answer describes a success whose body Huma does not encode as JSON.
	answer *huma.Response
	// errors are the statuses of the call's own problems, in addition to 422 for its
	// parameters and to those of every call.
	errors []int
	// watched are the statuses whose series exist from the start, so that an alert
	// notices even the first such answer.
	watched []int
}

// call is how a request of a pattern is counted.
type call struct {
	endpoint string
	purchase bool  // counts in onsale_purchases_total
	admin    bool  // passes the gate
	errors   []int // the statuses of its problems
	watched  []int // the statuses with series from the start
}

// anything is the pattern of requests that no other pattern matches.
const anything = "/"

// handle registers a call. Its handler receives decoded and validated input.
func handle[I, O any](s *Server, rt route, handler func(context.Context, *I) (*O, error)) {
	method, path, _ := strings.Cut(rt.pattern, " ")
	op := huma.Operation{
		OperationID: rt.id, Method: method, Path: path,
		Summary: rt.summary, Description: rt.about, Tags: []string{rt.tag},
		DefaultStatus: rt.status, SkipValidateParams: rt.unchecked, Errors: rt.errors,
	}
	if rt.body != nil {
		op.Metadata = map[string]any{metadataBody: reflect.TypeOf(rt.body), metadataTypes: rt.bodyTypes}
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
			http.StatusUnprocessableEntity)
		if rt.body != (anyBody{}) {
			op.Errors = append(op.Errors, http.StatusUnsupportedMediaType)
		}
	}
	if rt.admin {
		op.Middlewares = huma.Middlewares{s.gate.middleware}
		op.Security = []map[string][]string{{bearer: {}}}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
		s.guarded[rt.pattern] = true
	}
	if rt.answer != nil {
		op.Responses = map[string]*huma.Response{"200": rt.answer}
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		if !rt.exempt {
			if err := s.strike(ctx, path); err != nil {
				return nil, s.problemOf(ctx, rt.pattern, err)
			}
		}
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problemOf(ctx, rt.pattern, err)
		}
		return out, nil
	})
	c := s.calls[rt.pattern]
	c.errors = slices.Concat(op.Errors, []int{http.StatusUnprocessableEntity, http.StatusInternalServerError})
	c.admin, c.watched = rt.admin, rt.watched
	s.calls[rt.pattern] = c
}

// strike applies the faults of the route: it waits for their delay and returns their
// error. For a reset it panics; see [resetConnection].
func (s *Server) strike(ctx context.Context, route string) error {
	err := s.options.Faults.Route(ctx, route)
	if errors.Is(err, fault.ErrReset) {
		panic(resetConnection{})
	}
	return err
}

// calls is the mux that Huma receives. It counts the requests of all patterns that
// are registered with it.
type calls struct{ *Server }

// HandleFunc registers a call.
func (c calls) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	_, endpoint, _ := strings.Cut(pattern, " ")
	c.calls[pattern] = call{endpoint: endpoint, purchase: strings.HasPrefix(endpoint, "/buy")}
	c.mux.HandleFunc(pattern, handler)
}

// ServeHTTP makes calls a mux for Huma's adapter.
func (c calls) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// countCalls registers the metrics of the calls. The series of each call's success and
// of its watched statuses exist from the start. The series of its other problems are
// created with its first request, because dashboards draw every series and most calls
// are rare. Probes and scrapes get none of the latter, because no alert counts them.
func (s *Server) countCalls() *telemetry.HTTP {
	all := make(map[telemetry.Route]call)
	for pattern, c := range s.calls {
		if method, endpoint, ok := strings.Cut(pattern, " "); ok {
			all[telemetry.Route{Method: method, Endpoint: endpoint}] = c
		}
	}
	h := telemetry.NewHTTP(s.options.Registerer, slices.Collect(maps.Keys(all)))
	for r, c := range all {
		h.Expect(r, c.watched...)
		if !probes[r.Endpoint] {
			h.ExpectInUse(r, c.errors...)
		}
	}
	h.Expect(telemetry.Unmatched(http.MethodGet), http.StatusNotFound) // a client with a wrong path
	return h
}

// page registers a page. Its requests are not counted and get no injected faults.
func (s *Server) page(pattern, contentType string, body []byte) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	})
}
