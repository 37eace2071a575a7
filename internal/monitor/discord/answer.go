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
	// maxWait bounds how long one answer may keep Onsale from asking again. A
	// longer wait would be a mistake, or a ban that ends unannounced.
	maxWait = 15 * time.Minute
	// usualWait is for a 429 that does not say how long, as Discord's always do.
	usualWait = time.Second
	// maxReason is how much of a reason is told, in characters.
	maxReason = 200
)

// answer is what came of one attempt.
type answer struct {
	// delivered is whether Discord has the message.
	delivered bool
	// final is whether another attempt would end the same way.
	final bool
	// limited is whether too much was sent, which is no fault of this message.
	limited bool
	// pause is how long Discord asks to be left alone by all messages, and wait how
	// long by this one; 0 for not at all.
	pause, wait time.Duration
	// reason says why the message was not delivered. It holds no secret.
	reason string
}

// refusal is the body of Discord's errors.
type refusal struct {
	Message    string  `json:"message"`
	Code       int     `json:"code"`
	RetryAfter float64 `json:"retry_after"`
	Global     bool    `json:"global"`
}

// read judges an answer by its status, headers and the beginning of its body.
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
			scope = " for everything this address sends"
		}
		wait := asked(header, p, now)
		if wait == 0 {
			wait = usualWait
		}
		return answer{limited: true, pause: wait, wait: wait, reason: fmt.Sprintf("429, asks to wait %s%s", wait.Round(time.Millisecond), scope)}
	case status >= 500, status == http.StatusRequestTimeout:
		// The fault may be this message's alone, so it holds the others up for no longer than a failure does.
		wait := asked(header, p, now)
		return answer{pause: min(wait, maxBackoff), wait: wait, reason: w.because(status, p)}
	case status >= 300 && status < 400:
		return answer{final: true, reason: w.because(status, p) + "; redirects are not followed, because they would hand the webhook on: check " + w.name}
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		return answer{final: true, reason: w.because(status, p) + ": check " + w.name}
	default:
		return answer{final: true, reason: w.because(status, p)}
	}
}

// because names the status and what Discord says about it.
func (w *webhook) because(status int, p refusal) string {
	reason := strconv.Itoa(status) + " " + http.StatusText(status)
	if p.Message != "" {
		reason += fmt.Sprintf(", %q (code %d)", clip(line(w.redact(p.Message)), maxReason), p.Code)
	}
	return reason
}

// asked returns how long an answer asks to wait: the longer of what header and
// body say, because the header counts whole seconds.
func asked(header http.Header, p refusal, now time.Time) time.Duration {
	return max(problem.Seconds(p.RetryAfter, maxWait), problem.RetryAfter(header, now, maxWait))
}

// spent returns how long to wait after a delivery that was the last one of the
// present window, so that the next one is not refused.
func spent(header http.Header) time.Duration {
	after, err := strconv.ParseFloat(header.Get("X-RateLimit-Reset-After"), 64)
	if err != nil || header.Get("X-RateLimit-Remaining") != "0" {
		return 0
	}
	return problem.Seconds(after, maxWait)
}
