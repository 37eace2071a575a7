package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"
)

// Errors that name what happened where the system has no words for it.
var (
	errSilent  = errors.New("the target closed the connection before it answered")
	errPartial = errors.New("the target closed the connection in the middle of its answer")
	errTimeout = errors.New("no whole answer in time")
	// errStale is what a round trip on a kept connection fails with before anything is sent.
	errStale = errors.New("the target closed the connection, or spoke unasked, before the request")
)

// malformed is the error of an answer that cannot be understood.
func malformed(err error) *Error {
	return &Error{Kind: Malformed, Err: fmt.Errorf("what came is no HTTP answer: %w", err)}
}

// broken says why nothing more was written or read.
func (c *Client) broken(err error) *Error {
	switch {
	case isTimeout(err) || errors.Is(err, context.Canceled):
		if c.deadline.ended() {
			return &Error{Kind: Canceled, Err: context.Canceled}
		}
		return &Error{Kind: Timeout, Err: errTimeout}
	case errors.Is(err, errStale):
		return &Error{Kind: Closed, Err: errStale}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Kind: Closed, Err: c.closedAt(err)}
	}
	kind := Reset
	switch {
	case isTLS(err):
		kind = Handshake
	case isErrno(err, testerErrnos):
		kind = Tester
	}
	return &Error{Kind: kind, Err: bare(err)}
}

// closedAt says how far an answer had come; it is io.EOF where a body that ends with the
// connection has its regular end.
func (c *Client) closedAt(err error) error {
	switch {
	case c.in.first == 0:
		return errSilent
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errPartial
	}
	return fmt.Errorf("%w: %w", errPartial, io.EOF)
}

// unconnected says why there is no connection, in the way of a step of making one.
func (c *Client) unconnected(ctx context.Context, err error, deadline time.Time, kind func(error) Kind) *Error {
	if over, ok := ctx.Deadline(); c.deadline.ended() || ok && !time.Now().Before(over) {
		return &Error{Kind: Canceled, Err: context.Canceled}
	}
	if isErrno(err, testerErrnos) || isErrno(err, noPortErrnos) {
		return &Error{Kind: Tester, Err: err}
	}
	if isTimeout(err) && !time.Now().Before(deadline) || isErrno(err, lateErrnos) {
		return &Error{Kind: ConnectTimeout, Err: err}
	}
	return &Error{Kind: kind(err), Err: err}
}

// dialKind tells apart why no TCP connection came about.
func dialKind(err error) Kind {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return Resolve
	}
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return Resolve
	}
	switch {
	case isErrno(err, refusedErrnos):
		return Refused
	case isErrno(err, resetErrnos):
		return Reset
	}
	return Unreachable
}

// handshakeKind is what a connection fails with that has no TLS yet.
func handshakeKind(error) Kind { return Handshake }

// isTLS reports whether TLS itself failed: a client certificate is asked for
// after the handshake only, say.
func isTLS(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op == "remote error" || op.Op == "local error"
	}
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

func isTimeout(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func isErrno(err error, list []syscall.Errno) bool {
	e, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(list, e)
}

// bare leaves out the addresses, which differ with each connection.
func bare(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return op.Err
	}
	return err
}
