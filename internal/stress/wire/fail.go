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

// Errors for conditions that have no error of the system.
var (
	errSilent  = errors.New("the target closed the connection before it answered")
	errPartial = errors.New("the target closed the connection in the middle of its answer")
	errTimeout = errors.New("no complete answer in time")
	// errStale is the error of a round trip on a kept connection that fails before
	// anything is sent.
	errStale = errors.New("the target closed the connection or sent unsolicited data before the request")
)

// malformed returns the error for an invalid answer.
func malformed(err error) *Error {
	return &Error{Kind: Malformed, Err: fmt.Errorf("the answer is not valid HTTP: %w", err)}
}

// broken returns why a write or a read failed.
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

// closedAt returns how far the answer had come when the connection closed; io.EOF if
// that is the regular end of a body that ends with the connection.
func (c *Client) closedAt(err error) error {
	switch {
	case c.in.first == 0:
		return errSilent
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errPartial
	}
	return fmt.Errorf("%w: %w", errPartial, io.EOF)
}

// unconnected returns why connecting failed. Kind classifies the errors of the failed
// step.
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

// dialKind classifies the errors of a TCP connection.
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

// handshakeKind classifies the errors of a TLS handshake.
func handshakeKind(error) Kind { return Handshake }

// isTLS reports whether TLS itself failed, for example because the target requests a
// client certificate after the handshake.
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

// bare removes the addresses, which differ for each connection.
func bare(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return op.Err
	}
	return err
}
