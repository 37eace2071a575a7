package discord

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"onsale/internal/problem"
)

const (
	// maxWait limits the wait that Discord can request. A longer one would be a
	// mistake, or a ban that may end earlier.
	maxWait = 15 * time.Minute
	// usualWait is the wait after a 429 without Retry-After. Discord always sends one.
	usualWait = time.Second
	// maxReason limits the quoted error message, in characters.
	maxReason = 200
)

// answer is the outcome of one attempt.
type answer struct {
	// delivered is true if Discord has accepted the message.
	delivered bool
	// final is true if a retry would fail in the same way.
	final bool
	// limited is true if Discord's rate limit was exceeded. The message itself is fine.
	limited bool
	// pause is how long to send nothing at all, and wait is how long not to send this
	// message; 0 means no wait.
	pause, wait time.Duration
	// reason is why the message was not delivered. It contains no secret.
	reason string
}

// refusal is the body of an error response of Discord.
type refusal struct {
	Message    string  `json:"message"`
	Code       int     `json:"code"`
	RetryAfter float64 `json:"retry_after"`
	Global     bool    `json:"global"`
}

// read evaluates a response from its status, its headers and the start of its body.
func (w *webhook) read(status int, header http.Header, body []byte, now time.Time) answer {
	var p refusal
	if json.Unmarshal(body, &p) != nil {
		p = refusal{}
	}
	switch {
	case status >= 200 && status < 300:
		return answer{delivered: true, pause: spent(header)}
	case status == http.StatusTooManyRequests:
		scope := ""
		if p.Global {
			scope = " (global limit)"
		}
		wait := asked(header, p, now)
		if wait == 0 {
			wait = usualWait
		}
		return answer{limited: true, pause: wait, wait: wait, reason: fmt.Sprintf("429 Too Many Requests, retry after %s%s", wait.Round(time.Millisecond), scope)}
	case status >= 500, status == http.StatusRequestTimeout:
		// The message itself may be the cause. So it delays the others for no longer than
		// any other failure does.
		wait := asked(header, p, now)
		return answer{pause: min(wait, maxBackoff), wait: wait, reason: w.because(status, p)}
	case status >= 300 && status < 400:
		return answer{final: true, reason: w.because(status, p) + "; redirects are not followed, because they would reveal the webhook: check " + w.name}
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		return answer{final: true, reason: w.because(status, p) + ": check " + w.name}
	default:
		return answer{final: true, reason: w.because(status, p)}
	}
}

// because returns the status and Discord's error message.
func (w *webhook) because(status int, p refusal) string {
	reason := strconv.Itoa(status) + " " + http.StatusText(status)
	if p.Message != "" {
		reason += fmt.Sprintf(", %q (code %d)", clip(line(w.redact(p.Message)), maxReason), p.Code)
	}
	return reason
}

// asked returns the wait that a response requests: the longer of header and body,
// because the header has whole seconds only.
func asked(header http.Header, p refusal, now time.Time) time.Duration {
	return max(problem.Seconds(p.RetryAfter, maxWait), problem.RetryAfter(header, now, maxWait))
}

// spent returns how long to wait after the last delivery that the current rate limit
// window allows. It returns 0 if more are allowed.
func spent(header http.Header) time.Duration {
	after, err := strconv.ParseFloat(header.Get("X-RateLimit-Reset-After"), 64)
	if err != nil || header.Get("X-RateLimit-Remaining") != "0" {
		return 0
	}
	return problem.Seconds(after, maxWait)
}
