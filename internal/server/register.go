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
	// id and summary describe the call in OpenAPI; about says more, if need be.
	id, summary, about string
	tag                string
	// admin calls pass the gate first.
	admin bool
	// exempt calls are not struck by the fault plan before their handler runs:
	// probes and the fault controls, and those that do it themselves.
	exempt bool
	// unchecked parameters are held to their rules by the handler alone.
	unchecked bool
	// body is the type of a body that the handler's input decodes, if any.
	body any
	// bodyTypes are the media types of the body, if not JSON alone.
	bodyTypes []string
	// status is that of a success, if not 200.
	status int
	// answer describes a success whose body is not JSON made by Huma.
	answer *huma.Response
	// errors are the statuses of the problems that the call may answer with,
	// beside 422 for its parameters and those of every call.
	errors []int
	// watched are the statuses that alerts must see the first of, even as the answer to
	// the first request. The series of each is there from the start.
	watched []int
}

// call is how a request of a pattern is counted.
type call struct {
	endpoint string
	purchase bool  // counts in onsale_purchases_total
	admin    bool  // passes the gate
	errors   []int // the statuses of its problems
	watched  []int // those with series from the start
}

// anything is the pattern of what no other pattern matches.
const anything = "/"

// handle registers a call, whose handler gets its input decoded and validated.
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

// strike asks the fault plan what goes wrong with a call of the route, and
// waits out its delay. A reset leaves by panic: see [resetConnection].
func (s *Server) strike(ctx context.Context, route string) error {
	err := s.options.Faults.Route(ctx, route)
	if errors.Is(err, fault.ErrReset) {
		panic(resetConnection{})
	}
	return err
}

// calls is the mux as Huma sees it: what it registers is counted.
type calls struct{ *Server }

// HandleFunc registers a call.
func (c calls) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	_, endpoint, _ := strings.Cut(pattern, " ")
	c.calls[pattern] = call{endpoint: endpoint, purchase: strings.HasPrefix(endpoint, "/buy")}
	c.mux.HandleFunc(pattern, handler)
}

// ServeHTTP is what Huma's adapter asks of a mux.
func (c calls) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// countCalls registers the metrics of the calls. From the start there is a series of
// each call's success, and of the statuses that are watched. Those of the other problems
// that a call declares exist once it is in use: dashboards draw every series, and most
// calls are seldom made. Probes and scrapes have none of these, for no alert counts
// them.
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
	h.Expect(telemetry.Unmatched(http.MethodGet), http.StatusNotFound) // a client that asks wrongly
	return h
}

// page registers a page: it is neither counted nor struck by faults.
func (s *Server) page(pattern, contentType string, body []byte) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	})
}
