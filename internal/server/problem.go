package server

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is an error as clients see it: RFC 9457 with extension members.
//
//nolint:errname // a problem is what the standard calls it
type Problem struct {
	Type    string `json:"type" format:"uri" example:"urn:onsale:problem:sold_out" doc:"Names the kind of problem; it ends with the code."`
	Title   string `json:"title" example:"Concert sold out" doc:"The kind of problem in words."`
	Status  int    `json:"status" example:"409" doc:"The HTTP status."`
	Detail  string `json:"detail" doc:"What happened here, and what helps."`
	Code    string `json:"code" example:"sold_out" doc:"Tells problems apart; made for programs."`
	Message string `json:"message" example:"Concert sold out" doc:"What happened here, in a few words."`
	// OnItemCall is there on item calls, whose earlier clients read it.
	OnItemCall string `json:"error,omitempty" example:"Item not found" doc:"The same as message, on item calls."`
	// Available is there when a concert is sold out.
	Available *int64 `json:"available,omitempty" minimum:"0" doc:"How many tickets are left."`
	// Errors is there when what the client sent breaks a rule.
	Errors []FieldProblem `json:"errors,omitempty" nullable:"false" doc:"The fields that break a rule."`

	kind   *kind
	header http.Header
}

// FieldProblem says which field of a request breaks which rule.
type FieldProblem struct {
	Field   string `json:"field" example:"quantity" doc:"The name of the field, parameter or header; body for the body as a whole."`
	Message string `json:"message" example:"must be between 1 and 10" doc:"The rule, to be read after the name."`
}

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// problemType is the media type of a [Problem].
const problemType = "application/problem+json"

// Error returns code and message.
func (p *Problem) Error() string { return p.Code + ": " + p.Message }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that belong to the answer.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType returns the media type of a problem, whatever was negotiated.
func (*Problem) ContentType(string) string { return problemType }

// with adds a header to the answer and returns the problem.
func (p *Problem) with(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// problem returns a problem of the kind.
func (k *kind) problem() *Problem {
	p := &Problem{
		Type:    "urn:onsale:problem:" + k.code,
		Title:   k.title,
		Status:  k.status,
		Detail:  k.detail,
		Code:    k.code,
		Message: k.message,
		kind:    k,
	}
	if k.message == "" {
		p.Message = k.title
	}
	if k.retry {
		p = p.with("Retry-After", "1")
	}
	return p
}

// of returns a problem of the kind that names the fields which caused it.
func (k *kind) of(fields ...FieldProblem) *Problem {
	p := k.problem()
	if len(fields) > 0 {
		p.Message = fields[0].Field + " " + fields[0].Message
		p.Detail = strings.TrimSpace("The field " + p.Message + ". " + k.detail)
		p.Errors = fields
	}
	return p
}

// to puts the problem into the form of the call that it answers, and returns it.
func (p *Problem) to(r *http.Request) *Problem {
	if isItemCall(r.URL.Path) {
		p.OnItemCall = p.Message
	}
	return p
}

// write answers a request outside Huma's handlers with a problem.
func (p *Problem) write(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", problemType)
	note(w, p.kind.outcome)
	body, err := json.Marshal(p.to(r))
	if err != nil { // strings and numbers cannot fail to be encoded
		panic(err)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // nobody is left to hear of a broken connection
}
