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

// How long to wait before a call is repeated.
const (
	// firstBackoff is the most that the first wait lasts; it doubles from try to
	// try up to maxBackoff.
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 10 * time.Second
	// maxRetryAfter is the most that a server's Retry-After is heeded.
	maxRetryAfter = 30 * time.Second
)

// backoff dices how long to wait after so many failures: anything up to a limit
// that doubles, so that many clients do not come back together. What the server
// asks for comes first.
func (a *Automation) backoff(failures int, err error) time.Duration {
	limit := min(firstBackoff<<min(failures-1, 10), maxBackoff)
	least := time.Duration(0)
	if answer, ok := errors.AsType[*client.Error](err); ok && answer.RetryAfter > 0 {
		least, limit = min(answer.RetryAfter, maxRetryAfter), firstBackoff
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return least + time.Duration(a.dice.Int64N(int64(limit)+1))
}

// passing reports whether the same call may succeed later: the network failed,
// the server has too much to do, or something went wrong there.
func passing(err error) bool {
	if answer, ok := errors.AsType[*client.Error](err); ok {
		return answer.Status == http.StatusTooManyRequests || answer.Status/100 == 5
	}
	_, ok := errors.AsType[*client.TransportError](err)
	return ok
}

// statusOf returns the status of an answer that is no success; 0 for none.
func statusOf(err error) int {
	if answer, ok := errors.AsType[*client.Error](err); ok {
		return answer.Status
	}
	if answer, ok := errors.AsType[*client.AnswerError](err); ok {
		return answer.Status
	}
	return 0
}

// kindOf returns the kind of an error as it is counted and recorded: the code
// that the server sent, or what became of the connection.
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

// messageOf returns what an error says beside its kind, without the token that was
// sent: a server may repeat it.
func messageOf(err error, token string) string {
	message := ""
	if answer, ok := errors.AsType[*client.Error](err); ok {
		message = answer.Message
	} else if answer, ok := errors.AsType[*client.AnswerError](err); ok {
		message = answer.Err.Error()
		if token != "" { // the answer to a call for a token may hold one
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
