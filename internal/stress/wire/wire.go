// Package wire is the HTTP/1.1 client of the load tester: one connection a
// user, nothing shared, no copy that is not needed, and errors that tell apart
// what a target can do wrong.
//
// A [Client] is one user's. It keeps its connection open between requests, and
// lends the buffers of an answer until the next request or [Client.Release].
package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// Limits of a request and of its answer.
const (
	// DefaultTimeout ends a request, connecting and reading the answer included.
	// The longest delay of the default fault plan is 4 s.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxBody is how much of an answer's body is kept, in bytes; the rest
	// is read and counted, and dropped.
	DefaultMaxBody = 1 << 20
	// maxHead limits status line and headers of an answer, in bytes, as
	// net/http's server limits those of a request.
	maxHead = 1 << 20
)

// Options of a [Client]. The zero value of a field stands for its default.
type Options struct {
	// Timeout ends a request, connecting and reading the answer included;
	// DefaultTimeout by default.
	Timeout time.Duration
	// MaxBody is how much of an answer's body is kept, in bytes; DefaultMaxBody
	// by default.
	MaxBody int
	// TLS configures https; the system's roots by default. The server name is
	// filled in where it has none.
	TLS *tls.Config
	// NewConnections closes the connection after each request.
	NewConnections bool
	// Redirects is how many redirects within the target are followed; none by
	// default. One to another host is never followed.
	Redirects int
	// UserAgent names the program, "onsale-stress" by default.
	UserAgent string
}

// Field is one header field. Names are sent as they are.
type Field struct{ Name, Value string }

// Request is one request.
type Request struct {
	Method string
	// Path is escaped, begins with a slash and may have a query. It stands below
	// the path of the target.
	Path string
	// Header is sent beside Host, User-Agent and Content-Length, which are
	// the client's own unless named here.
	Header []Field
	// Body is sent with its length; nil sends none.
	Body []byte
}

// Response is an answer. It is valid until the client's next request, or until
// it is released.
type Response struct {
	// Status is that of the answer, after redirects that were followed.
	Status int
	// Body is at most [Options.MaxBody] long.
	Body []byte
	// Size is how many bytes the body had in all, on the wire but for the
	// framing of its chunks.
	Size int64
	// Took is the service time: from the first byte written (or, on a new connection, from
	// the beginning of the dial) to the last byte read. FirstByte is how much of that
	// passed before the answer began.
	Took, FirstByte time.Duration
	// Redirects is how many were followed.
	Redirects int

	head []byte
}

// Kind says what went wrong with a request, as far as the client can tell.
type Kind string

// The kinds of errors.
const (
	// Resolve: the host has no address.
	Resolve Kind = "resolve"
	// Refused: nobody listens there.
	Refused Kind = "refused"
	// Unreachable: there is no way to the host.
	Unreachable Kind = "unreachable"
	// Handshake: no TLS connection came about.
	Handshake Kind = "tls"
	// ConnectTimeout: no connection came about in time.
	ConnectTimeout Kind = "connect_timeout"
	// Timeout: the answer was not there in time.
	Timeout Kind = "timeout"
	// Reset: the target broke the connection off.
	Reset Kind = "reset"
	// Closed: the target closed the connection before the answer was whole.
	Closed Kind = "closed"
	// Malformed: what came is no HTTP answer.
	Malformed Kind = "malformed"
	// Redirect: more redirects than are followed, or to another host.
	Redirect Kind = "redirect"
	// Tester: the tester itself is at its limit: open files, local ports, memory.
	// It says nothing about the target.
	Tester Kind = "tester"
	// Canceled: the context ended before the answer. It says nothing about the target
	// but that it had not answered by then.
	Canceled Kind = "canceled"
	// Invalid: the request cannot be sent: it has a line break in a header, say.
	Invalid Kind = "invalid"
)

// Error is why a request has no answer.
type Error struct {
	Kind Kind
	// Took is how long it took to fail.
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

// Doer makes requests. [Client] is the real one.
type Doer interface {
	// Do makes one request and returns its answer; an error is an [*Error]. It
	// ends with the context.
	Do(ctx context.Context, r *Request) (*Response, error)
	// Release gives buffers back, so that a user who waits takes little memory.
	// The last response is no longer valid then.
	Release()
	// Close closes the connection; the next request makes another.
	Close()
	// Protocol names what was last spoken, such as HTTP/1.1 or HTTP/1.1 over TLS
	// 1.3; empty before the first answer.
	Protocol() string
}
