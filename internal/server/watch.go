package server

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"onsale/internal/problem"
)

const textType = "text/plain; charset=utf-8"

type textOutput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Body        []byte
}

// health answers that the server lives, with nothing to read.
func (*Server) health(context.Context, *struct{}) (*textOutput, error) {
	return &textOutput{ContentType: textType}, nil
}

// ready answers whether a purchase could be written now.
func (s *Server) ready(context.Context, *struct{}) (*textOutput, error) {
	switch {
	case s.draining.Load():
		return nil, stopping.problem()
	case !s.options.Faults.Ready():
		return nil, notReady.problem()
	}
	if err := s.options.Seller.Ready(); err != nil {
		return nil, err
	}
	return &textOutput{ContentType: textType, Body: []byte("ready\n")}, nil
}

// serveMetrics registers the metrics, which are described by hand: they are
// written by Prometheus's own handler.
func (s *Server) serveMetrics(pattern string) {
	s.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "get-metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{tagWatching},
		Summary: "Read the metrics", Description: "In Prometheus's text format, or in OpenMetrics or protobuf if asked for.",
		Responses: map[string]*huma.Response{"200": textAnswer("The metrics."), "503": s.problemAnswer()},
	})
	s.guarded[pattern] = true
	calls{s}.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if s.options.Faults.ScrapeDown() {
			scrapeDown.problem().write(w, r)
			return
		}
		s.options.Metrics.ServeHTTP(w, r)
	})
}

// textAnswer describes an answer of plain text.
func textAnswer(description string) *huma.Response {
	return &huma.Response{
		Description: description,
		Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

// jsonAnswer describes an answer of JSON that Huma does not encode.
func (s *Server) jsonAnswer(example any) *huma.Response {
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(example), true, "")
	schema.Nullable = false
	return &huma.Response{
		Description: http.StatusText(http.StatusOK),
		Content:     map[string]*huma.MediaType{jsonType: {Schema: schema}},
	}
}

// problemAnswer describes an answer that is a problem.
func (s *Server) problemAnswer() *huma.Response {
	return &huma.Response{
		Description: http.StatusText(http.StatusServiceUnavailable),
		Content: map[string]*huma.MediaType{
			problem.MediaType: {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")},
		},
	}
}
