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

// health answers 200 with an empty body.
func (*Server) health(context.Context, *struct{}) (*textOutput, error) {
	return &textOutput{ContentType: textType}, nil
}

// ready answers 200 if a purchase could be written now, else 503.
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

// serveMetrics registers the metrics and describes them in OpenAPI. Prometheus's own
// handler writes them.
func (s *Server) serveMetrics(pattern string) {
	s.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "get-metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{tagWatching},
		Summary: "Read the metrics", Description: "In the Prometheus text format, or in OpenMetrics or protobuf if the Accept header requests it.",
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

// textAnswer describes an answer in plain text.
func textAnswer(description string) *huma.Response {
	return &huma.Response{
		Description: description,
		Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

// jsonAnswer describes an answer in JSON that Huma does not encode.
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
