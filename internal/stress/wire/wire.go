// Package wire is the HTTP/1.1 client of the load tester. Each user has its own
// connection and shares nothing, data is copied only if necessary, and errors
// distinguish what a target can do wrong.
//
// A [Client] belongs to one user. It keeps its connection open between requests, and
// lends the buffers of an answer until the next request or [Client.Release].
package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// Limits of a request and its answer.
const (
	// DefaultTimeout limits a request, including connecting and reading the answer. The
	// longest delay of the default fault plan is 4 s.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxBody is how much of an answer's body is kept, in bytes. The rest is
	// read, counted and dropped.
	DefaultMaxBody = 1 << 20
	// maxHead limits the status line and headers of an answer, in bytes, like the
	// server of net/http limits those of a request.
	maxHead = 1 << 20
)

// Options of a [Client]. The zero value of a field means its default.
type Options struct {
	// Timeout limits a request, including connecting and reading the answer; 0 means
	// [DefaultTimeout].
	Timeout time.Duration
	// MaxBody is how much of an answer's body is kept, in bytes; 0 means
	// [DefaultMaxBody].
	MaxBody int
	// TLS configures https; nil uses the system's root certificates. An empty server
	// name is filled in.
	TLS *tls.Config
	// NewConnections closes the connection after each request.
	NewConnections bool
	// Redirects is the maximum number of redirects to follow within the target; 0
	// follows none. Redirects to another host are never followed.
	Redirects int
	// UserAgent is the User-Agent header; empty means "onsale-stress".
	UserAgent string
}

// Field is a header field. Names are sent as they are.
type Field struct{ Name, Value string }

// Request is one request.
type Request struct {
	Method string
	// Path is escaped, begins with a slash and can have a query. It is relative to the
	// base path of the target.
	Path string
	// Header is sent in addition to Host, User-Agent and Content-Length, which it can
	// replace.
	Header []Field
	// Body is sent with its length; nil sends none.
	Body []byte
}

// Response is an answer. It is valid until the client's next request or
// [Client.Release].
type Response struct {
	// Status is the status after redirects.
	Status int
	// Body is at most [Options.MaxBody] long.
	Body []byte
	// Size is the size of the whole body in bytes, without the framing of chunks.
	Size int64
	// Took is the service time: from the first byte written (on a new connection, from
	// the start of the dial) to the last byte read. FirstByte is the part of it until
	// the answer began.
	Took, FirstByte time.Duration
	// Redirects is the number of redirects that were followed.
	Redirects int

	head []byte
}

// Kind is the kind of an error, as far as the client can tell.
type Kind string

// The kinds of errors.
const (
	// Resolve: the host has no address.
	Resolve Kind = "resolve"
	// Refused: nothing listens on the port.
	Refused Kind = "refused"
	// Unreachable: there is no route to the host.
	Unreachable Kind = "unreachable"
	// Handshake: the TLS handshake failed.
	Handshake Kind = "tls"
	// ConnectTimeout: connecting took too long.
	ConnectTimeout Kind = "connect_timeout"
	// Timeout: the answer took too long.
	Timeout Kind = "timeout"
	// Reset: the target reset the connection.
	Reset Kind = "reset"
	// Closed: the target closed the connection before the answer was complete.
	Closed Kind = "closed"
	// Malformed: the answer is not valid HTTP.
	Malformed Kind = "malformed"
	// Redirect: there were too many redirects, or one to another host.
	Redirect Kind = "redirect"
	// Tester: the load tester reached a limit of this machine: open files, local ports
	// or memory. The target is not the cause.
	Tester Kind = "tester"
	// Canceled: the context ended before the answer. The target is not the cause.
	Canceled Kind = "canceled"
	// Invalid: the request cannot be sent, for example because of a line break in a
	// header.
	Invalid Kind = "invalid"
)

// Error is the reason why a request has no answer.
type Error struct {
	Kind Kind
	// Took is the time until the failure.
	Took time.Duration
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Kind, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of an error of [Client.Do].
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Invalid
}

// Doer sends requests. [Client] implements it.
type Doer interface {
	// Do sends one request and returns its answer. An error is an [*Error]. Do ends
	// with the context.
	Do(ctx context.Context, r *Request) (*Response, error)
	// Release returns buffers, so that a waiting user takes little memory. The last
	// response is no longer valid then.
	Release()
	// Close closes the connection. The next request opens another.
	Close()
	// Protocol returns the protocol of the last answer, such as HTTP/1.1 or HTTP/1.1
	// over TLS 1.3; empty before the first answer.
	Protocol() string
}
