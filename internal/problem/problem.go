// Package problem holds the form and the codes of the API's problems, RFC 9457 with
// extension members. Servers answer with them, and clients read them.
//
// HTTP handlers outside the API also read a JSON object strictly with it, and answer with
// JSON or with a problem.
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// MediaType is the media type of a [Problem].
const MediaType = "application/problem+json"

const jsonType = "application/json"

// typePrefix begins the type of each problem; its code follows.
const typePrefix = "urn:onsale:problem:"

// Problem is an error as clients see it: RFC 9457 with extension members. The tags
// beside json describe it in the OpenAPI document.
type Problem struct {
	Type    string `json:"type" format:"uri" example:"urn:onsale:problem:sold_out" doc:"Names the kind of problem; it ends with the code."`
	Title   string `json:"title" example:"Concert sold out" doc:"The kind of problem in words."`
	Status  int    `json:"status" example:"409" doc:"The HTTP status."`
	Detail  string `json:"detail" doc:"What happened here, and what helps."`
	Code    string `json:"code" example:"sold_out" doc:"Tells problems apart; made for programs."`
	Message string `json:"message" example:"Concert sold out" doc:"What happened here, in a few words."`
	// OnItemCall repeats Message on item calls, whose earlier clients read it.
	OnItemCall string `json:"error,omitempty" example:"Item not found" doc:"The same as message, on item calls."`
	// Available is set when a concert is sold out.
	Available *int64 `json:"available,omitempty" minimum:"0" doc:"How many tickets are left."`
	// Errors is set when the request breaks a rule.
	Errors []FieldProblem `json:"errors,omitempty" nullable:"false" doc:"The fields that break a rule."`
}

// FieldProblem says which field of a request breaks which rule. It has the fields of
// [field.Error], which converts to it.
type FieldProblem struct {
	Field string `json:"field" example:"quantity" doc:"The name of the field, parameter or header; body for the body as a whole."`
	Rule  string `json:"message" example:"must be between 1 and 10" doc:"The rule, to be read after the name."`
}

// nothingChanged is the detail of a request that was refused.
const nothingChanged = "Nothing was changed."

// New returns a problem. The code tells problems apart for programs, title and detail do
// so for people. The first of the fields, if there are any, becomes the message.
func New(status int, code, title, detail string, fields ...FieldProblem) *Problem {
	p := &Problem{
		Type: typePrefix + code, Title: title, Status: status,
		Detail: detail, Code: code, Message: title, Errors: fields,
	}
	if len(fields) > 0 {
		p.Message = fields[0].Field + " " + fields[0].Rule
		p.Detail = strings.TrimSpace("The field " + p.Message + ". " + detail)
	}
	return p
}

// Invalid is the problem of fields that break a rule.
func Invalid(fields ...FieldProblem) *Problem {
	return New(http.StatusUnprocessableEntity, CodeInvalid, "Invalid request", nothingChanged, fields...)
}

func malformed(rule string) *Problem {
	return New(http.StatusBadRequest, CodeMalformed, "Malformed request", nothingChanged, FieldProblem{bodyField, rule})
}

func tooLarge() *Problem {
	return New(http.StatusRequestEntityTooLarge, CodeTooLarge, "Request too large", nothingChanged,
		FieldProblem{bodyField, fmt.Sprintf("must be at most %d bytes long", MaxBody)})
}

func unsupported() *Problem {
	return New(http.StatusUnsupportedMediaType, CodeUnsupportedMediaType, "Unsupported media type", nothingChanged,
		FieldProblem{bodyField, "must be " + jsonType})
}

// RefuseMethod answers a request whose method its path does not have.
func RefuseMethod(w http.ResponseWriter, allowed ...string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	New(http.StatusMethodNotAllowed, CodeMethodNotAllowed, "Method not allowed",
		"The path exists, but not for this method. The header Allow names those it has.").Write(w)
}

// Write answers a request with the problem.
func (p *Problem) Write(w http.ResponseWriter) { write(w, p.Status, MediaType, p) }

// Answer answers a request with a value as JSON.
func Answer(w http.ResponseWriter, status int, value any) { write(w, status, jsonType, value) }

// write sends a value that was made for it. What such an answer says holds for
// the moment only, so nobody is to keep it.
func write(w http.ResponseWriter, status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil { // what is answered here can all be encoded
		panic(err)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // nobody is left to hear of a broken connection
}
