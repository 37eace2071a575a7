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

// Errors of a [Client] beside those of packages sale, item and fault.
var (
	// ErrAdmin: the admin token is missing or wrong, or admin calls are disabled.
	ErrAdmin = errors.New("admin calls are refused")
	// ErrNotReady: the fault plan says that the server is not ready.
	ErrNotReady = errors.New("not ready")
	// ErrNotLoopback: a connection would have carried the admin token in clear to
	// an address that is not one of loopback. Nothing was sent.
	ErrNotLoopback = errors.New("the admin token goes over plain http to loopback addresses alone")
	// ErrNoPath: the server has no call at this path. It may be no Onsale.
	ErrNoPath = errors.New("no such path")
)

// Error is the answer of a server that could not or would not do what it was
// asked. [errors.Is] finds the domain's error in it, and [errors.As] the
// [*field.Error], or the [*fault.PlanError], that names a field.
type Error struct {
	Method, Path string
	// Status is the HTTP status.
	Status int
	// Code tells kinds of errors apart: sold_out, busy, injected, … The client
	// fills it in where a server sends a known message and no code; it is empty
	// where there is neither.
	Code string
	// Message says in a few words what happened, on one line.
	Message string
	// RetryAfter is how long the server asks to wait; 0 if it does not ask.
	RetryAfter time.Duration
	// Location is where the fate of what was asked for will be known, if the
	// server says so.
	Location string
	// Fields are the fields of the request that break a rule.
	Fields []*field.Error

	kinds []error
	// left is the number of tickets left where a concert is sold out.
	left int64
}

// Error returns what was asked and what was answered, on one line.
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

// Unwrap returns the domain's errors that the answer stands for.
func (e *Error) Unwrap() []error { return e.kinds }

// TransportError is a call that got no answer, or a part of one only.
type TransportError struct {
	Method, Path string
	// Err is the network's error, or the context's.
	Err error
	// Sent says that the request may have reached the server.
	Sent bool
}

func newTransportError(k call, err error) *TransportError {
	// The URL that the standard library repeats is that of the client.
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	op, ok := errors.AsType[*net.OpError](err)
	connected := !ok || op.Op != "dial" && op.Op != "proxyconnect"
	return &TransportError{Method: k.method, Path: k.path, Err: err, Sent: connected}
}

// Error returns what was asked and what went wrong.
func (e *TransportError) Error() string { return fmt.Sprintf("%s %s: %v", e.Method, e.Path, e.Err) }

// Unwrap returns the network's error, with [sale.ErrOutcomeUnknown] if the call
// would have changed something and may have done so.
func (e *TransportError) Unwrap() []error {
	if e.Sent && writes(e.Method) {
		return []error{e.Err, sale.ErrOutcomeUnknown}
	}
	return []error{e.Err}
}

// AnswerError is an answer that is not what the API answers with.
type AnswerError struct {
	Method, Path string
	Status       int
	// Excerpt is the beginning of the answer, on one line.
	Excerpt string
	// Err says what is wrong with it.
	Err error
}

func newAnswerError(k call, status int, body []byte, err error) *AnswerError {
	return &AnswerError{Method: k.method, Path: k.path, Status: status, Excerpt: told(string(body)), Err: err}
}

// Error returns what was asked, and what is wrong with the answer.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s %s: answer %d is malformed: %s: %q", e.Method, e.Path, e.Status, told(e.Err.Error()), e.Excerpt)
}

// Unwrap returns what is wrong, with [sale.ErrOutcomeUnknown] if the call
// would have changed something.
func (e *AnswerError) Unwrap() []error {
	if writes(e.Method) {
		return []error{e.Err, sale.ErrOutcomeUnknown}
	}
	return []error{e.Err}
}

func writes(method string) bool { return method != http.MethodGet }
