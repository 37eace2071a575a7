package automate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"onsale/internal/client"
)

// The waits before a retry.
const (
	// firstBackoff is the maximum of the first wait. The maximum doubles with each
	// retry, up to maxBackoff.
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 10 * time.Second
	// maxRetryAfter is the maximum wait because of a server's Retry-After.
	maxRetryAfter = 30 * time.Second
)

// backoff returns the wait before a retry, after a number of failures. It is random
// between 0 and a maximum that doubles, so that clients do not retry at the same moment.
// A Retry-After of the server takes precedence.
func (a *Automation) backoff(failures int, err error) time.Duration {
	limit := min(firstBackoff<<min(failures-1, 10), maxBackoff)
	least := time.Duration(0)
	if answer, ok := errors.AsType[*client.Error](err); ok && answer.RetryAfter > 0 {
		least, limit = min(answer.RetryAfter, maxRetryAfter), firstBackoff
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return least + time.Duration(a.random.Int64N(int64(limit)+1))
}

// passing reports whether a failure is transient: the network failed, the server is
// overloaded, or it had an internal error.
func passing(err error) bool {
	if answer, ok := errors.AsType[*client.Error](err); ok {
		return answer.Status == http.StatusTooManyRequests || answer.Status/100 == 5
	}
	_, ok := errors.AsType[*client.TransportError](err)
	return ok
}

// statusOf returns the status of the answer in an error; 0 if there was no answer.
func statusOf(err error) int {
	if answer, ok := errors.AsType[*client.Error](err); ok {
		return answer.Status
	}
	if answer, ok := errors.AsType[*client.AnswerError](err); ok {
		return answer.Status
	}
	return 0
}

// kindOf returns the kind of an error for statistics and records: the code from the
// server, or a name for the failure of the connection.
func kindOf(err error) string {
	if answer, ok := errors.AsType[*client.Error](err); ok {
		if answer.Code != "" {
			return answer.Code
		}
		return fmt.Sprintf("http_%d", answer.Status)
	}
	if errors.As(err, new(*client.AnswerError)) {
		return "malformed_answer"
	}
	var network net.Error
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return "stopped"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.As(err, &op) && op.Op == "dial":
		return "connect"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	}
	return "network"
}

// messageOf returns the message of an error. It masks the token, because the server may
// repeat it.
func messageOf(err error, token string) string {
	message := ""
	if answer, ok := errors.AsType[*client.Error](err); ok {
		message = answer.Message
	} else if answer, ok := errors.AsType[*client.AnswerError](err); ok {
		message = answer.Err.Error()
		if token != "" { // the answer to a request for a token can contain one
			message += ": " + answer.Excerpt
		}
	} else if network, ok := errors.AsType[*client.TransportError](err); ok {
		message = network.Err.Error()
	}
	if token != "" {
		message = strings.ReplaceAll(message, token, "***")
	}
	return client.Quote(message)
}
