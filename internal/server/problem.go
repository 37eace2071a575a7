package server

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"onsale/internal/problem"
)

// Problem is the answer to a failed call, in the form in which Huma expects an error.
//
//nolint:errname // problem is the standard's term
type Problem struct {
	problem.Problem

	kind   *kind
	header http.Header
}

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// Error returns code and message.
func (p *Problem) Error() string { return p.Code + ": " + p.Message }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers of the answer.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType returns the media type of a problem, regardless of the argument.
func (*Problem) ContentType(string) string { return problem.MediaType }

// with adds a header to the answer and returns the problem.
func (p *Problem) with(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// problem returns a problem of this kind. The fields are those that caused it, if any.
func (k *kind) problem(fields ...problem.FieldProblem) *Problem {
	p := &Problem{Problem: *problem.New(k.status, k.code, k.title, k.detail, fields...), kind: k}
	if len(fields) == 0 && k.message != "" {
		p.Message = k.message
	}
	if k.retry {
		p = p.with("Retry-After", "1")
	}
	return p
}

// to adapts the problem to the call that it answers, and returns it.
func (p *Problem) to(r *http.Request) *Problem {
	if isItemCall(r.URL.Path) {
		p.OnItemCall = p.Message
	}
	return p
}

// write answers a request outside Huma's handlers with a problem.
func (p *Problem) write(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", problem.MediaType)
	note(w, p.kind.outcome)
	body, err := json.Marshal(p.to(r))
	if err != nil { // strings and numbers cannot fail to be encoded
		panic(err)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // an error means that the client is gone
}

// TransformSchema lists the codes in the OpenAPI document.
func (*Problem) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, code := range problem.Codes() {
		s.Properties["code"].Enum = append(s.Properties["code"].Enum, code)
	}
	return s
}
