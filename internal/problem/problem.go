// Package problem is what HTTP handlers beside the API have in common: they
// read a JSON object strictly, and answer with JSON or with a problem in the
// form of all problems of the API, RFC 9457 with extension members.
//
// The API itself has its own, in package server: its answers stand in an OpenAPI
// document and go the way of earlier clients.
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// The media types of what is sent and answered.
const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

// Problem is an error as clients see it.
type Problem struct {
	Type    string  `json:"type"`
	Title   string  `json:"title"`
	Status  int     `json:"status"`
	Detail  string  `json:"detail"`
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Errors  []Field `json:"errors,omitempty"`
}

// Field says which field of a request breaks which rule.
type Field struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// nothingChanged is the detail of a request that was refused.
const nothingChanged = "Nothing was changed."

// New returns a problem. The code tells problems apart for programs, title and detail do
// so for people. The first of the fields, if there are any, becomes the message.
func New(status int, code, title, detail string, fields ...Field) *Problem {
	p := &Problem{
		Type: "urn:onsale:problem:" + code, Title: title, Status: status,
		Detail: detail, Code: code, Message: title, Errors: fields,
	}
	if len(fields) > 0 {
		p.Message = fields[0].Field + " " + fields[0].Message
		p.Detail = "The field " + p.Message + ". " + detail
	}
	return p
}

// Invalid is the problem of fields that break a rule.
func Invalid(fields ...Field) *Problem {
	return New(http.StatusUnprocessableEntity, "invalid", "Invalid request", nothingChanged, fields...)
}

func malformed(rule string) *Problem {
	return New(http.StatusBadRequest, "malformed", "Malformed request", nothingChanged, Field{bodyField, rule})
}

func tooLarge() *Problem {
	return New(http.StatusRequestEntityTooLarge, "too_large", "Request too large", nothingChanged,
		Field{bodyField, fmt.Sprintf("must be at most %d bytes long", MaxBody)})
}

func unsupported() *Problem {
	return New(http.StatusUnsupportedMediaType, "unsupported_media_type", "Unsupported media type", nothingChanged,
		Field{bodyField, "must be " + jsonType})
}

// RefuseMethod answers a request whose method its path does not have.
func RefuseMethod(w http.ResponseWriter, allowed ...string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	New(http.StatusMethodNotAllowed, "method_not_allowed", "Method not allowed",
		"The path exists, but not for this method. The header Allow names those it has.").Write(w)
}

// Write answers a request with the problem.
func (p *Problem) Write(w http.ResponseWriter) { write(w, p.Status, problemType, p) }

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
