// Package problem defines the API's problems: their JSON form, which is RFC 9457 with
// extension members, and their codes. Both the server and its clients use it.
//
// It also has helpers for HTTP handlers outside the API: [Read] decodes a JSON object
// strictly, [Answer] and [Problem.Write] answer.
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

// typePrefix is the beginning of each problem's type; the code follows.
const typePrefix = "urn:onsale:problem:"

// Problem is an error answer: RFC 9457 with extension members. The tags other than json
// describe it in the OpenAPI document.
type Problem struct {
	Type    string `json:"type" format:"uri" example:"urn:onsale:problem:sold_out" doc:"Identifies the kind of problem; ends with the code."`
	Title   string `json:"title" example:"Concert sold out" doc:"The kind of problem in words."`
	Status  int    `json:"status" example:"409" doc:"The HTTP status."`
	Detail  string `json:"detail" doc:"What went wrong, and what to do about it."`
	Code    string `json:"code" example:"sold_out" doc:"Identifies the kind of problem, for programs."`
	Message string `json:"message" example:"Concert sold out" doc:"A short error message."`
	// OnItemCall repeats Message on item calls, for clients of the earlier service.
	OnItemCall string `json:"error,omitempty" example:"Item not found" doc:"The same as message. Present on item calls only."`
	// Available is set when a concert is sold out.
	Available *int64 `json:"available,omitempty" minimum:"0" doc:"Number of tickets left."`
	// Errors is set when the request breaks a rule.
	Errors []FieldProblem `json:"errors,omitempty" nullable:"false" doc:"The fields that break a rule."`
}

// FieldProblem names a field of a request and the rule that it breaks. A [field.Error]
// converts to it.
type FieldProblem struct {
	Field string `json:"field" example:"quantity" doc:"The name of the field, parameter or header; \"body\" for the body as a whole."`
	Rule  string `json:"message" example:"must be between 1 and 10" doc:"The rule that the field breaks, without the field's name."`
}

// nothingChanged is the detail of a rejected request.
const nothingChanged = "Nothing was changed."

// New returns a problem. Programs distinguish problems by the code; title and detail are
// for people. The first field, if any, becomes the message.
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

// Invalid returns the problem of fields that break a rule.
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

// RefuseMethod answers a request with a method that its path does not support.
func RefuseMethod(w http.ResponseWriter, allowed ...string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	New(http.StatusMethodNotAllowed, CodeMethodNotAllowed, "Method not allowed",
		"The path does not support this method. The Allow header lists the methods that it supports.").Write(w)
}

// Write answers a request with the problem.
func (p *Problem) Write(w http.ResponseWriter) { write(w, p.Status, MediaType, p) }

// Answer answers a request with a value encoded as JSON.
func Answer(w http.ResponseWriter, status int, value any) { write(w, status, jsonType, value) }

// write encodes and sends a value. The answer is valid only for the moment, so caches
// must not store it.
func write(w http.ResponseWriter, status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil { // all values answered here can be encoded
		panic(err)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // an error means that the client is gone
}
