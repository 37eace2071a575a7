package client

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"onsale/internal/field"
	"onsale/internal/sale"
)

// Errors of a [Client] in addition to those of packages sale, item and fault.
var (
	// ErrAdmin: the admin token is missing or wrong, or admin calls are disabled.
	ErrAdmin = errors.New("admin calls are rejected")
	// ErrNotReady: the fault plan makes the server report that it is not ready.
	ErrNotReady = errors.New("not ready")
	// ErrNotLoopback: the call would have sent the admin token in plain text to an
	// address that is not a loopback address. Nothing was sent.
	ErrNotLoopback = errors.New("over plain http, the admin token is sent to loopback addresses only")
	// ErrNoPath: the server has no such path. It may not be Onsale.
	ErrNoPath = errors.New("no such path")
)

// Error is an answer with an error status. [errors.Is] finds the domain's error in it, and
// [errors.As] the [*field.Error] or [*fault.PlanError] that names a field.
type Error struct {
	Method, Path string
	// Status is the HTTP status.
	Status int
	// Code identifies the kind of error: sold_out, busy, injected, … If the server
	// sends none, the client derives it from status and message; it is empty if that
	// fails.
	Code string
	// Message is a short error message on one line.
	Message string
	// RetryAfter is the wait that the server requests before a retry; 0 if it requests
	// none.
	RetryAfter time.Duration
	// Location is the path at which the outcome can be read, if the server sends one.
	Location string
	// Fields are the fields of the request that break a rule.
	Fields []*field.Error

	kinds []error
	// left is the number of tickets left if the concert is sold out.
	left int64
}

// Error returns the call and the answer on one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: %d", e.Method, e.Path, e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Unwrap returns the domain errors for the answer.
func (e *Error) Unwrap() []error { return e.kinds }

// TransportError is the error of a call that got no answer or an incomplete one.
type TransportError struct {
	Method, Path string
	// Err is the network's error, or the context's.
	Err error
	// Sent means that the request may have reached the server.
	Sent bool
}

func newTransportError(k call, err error) *TransportError {
	// Drop the *url.Error, which would repeat the client's URL.
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	op, ok := errors.AsType[*net.OpError](err)
	connected := !ok || op.Op != "dial" && op.Op != "proxyconnect"
	return &TransportError{Method: k.method, Path: k.path, Err: err, Sent: connected}
}

// Error returns the call and the network's error.
func (e *TransportError) Error() string { return fmt.Sprintf("%s %s: %v", e.Method, e.Path, e.Err) }

// Unwrap returns the network's error. If the call may have changed data, it also returns
// [sale.ErrOutcomeUnknown].
func (e *TransportError) Unwrap() []error {
	if e.Sent && writes(e.Method) {
		return []error{e.Err, sale.ErrOutcomeUnknown}
	}
	return []error{e.Err}
}

// AnswerError is the error of an answer that the API does not send.
type AnswerError struct {
	Method, Path string
	Status       int
	// Excerpt is the beginning of the answer, on one line.
	Excerpt string
	// Err is what is wrong with the answer.
	Err error
}

func newAnswerError(k call, status int, body []byte, err error) *AnswerError {
	return &AnswerError{Method: k.method, Path: k.path, Status: status, Excerpt: scrub(string(body)), Err: err}
}

// Error returns the call and what is wrong with the answer.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s %s: answer %d is malformed: %s: %q", e.Method, e.Path, e.Status, scrub(e.Err.Error()), e.Excerpt)
}

// Unwrap returns what is wrong with the answer. If the call may have changed data, it also
// returns [sale.ErrOutcomeUnknown].
func (e *AnswerError) Unwrap() []error {
	if writes(e.Method) {
		return []error{e.Err, sale.ErrOutcomeUnknown}
	}
	return []error{e.Err}
}

func writes(method string) bool { return method != http.MethodGet }
