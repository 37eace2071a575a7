package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/notify"
)

const (
	// unnamedPause is how long a receiver is left alone that asks for a pause and
	// does not say how long, or whose integration does not tell.
	unnamedPause = 2 * time.Second
	// longestPause bounds what a receiver may ask for, so that a wrong answer does
	// not silence it for good.
	longestPause = 10 * time.Minute
)

// pause is the time during which a receiver wants to hear nothing. All groups of
// the receiver keep it.
type pause struct {
	mu    sync.Mutex
	until time.Time
}

// extend makes the pause last at least this long from now.
func (p *pause) extend(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.until) {
		p.until = until
	}
}

// wait waits for the end of the pause or of the context.
func (p *pause) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		left := time.Until(p.until)
		p.mu.Unlock()
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait as long as the receiver asked for: %w", context.Cause(ctx))
		}
	}
}

// pauseError is a receiver's answer 429.
type pauseError struct {
	after time.Duration
}

func (e *pauseError) Error() string {
	return fmt.Sprintf("the receiver answered 429 and asks for a pause of %s", e.after)
}

// asksForPause reports whether an error means that the receiver is asked too
// often, and for how long it wants to be left alone.
func asksForPause(err error) (after time.Duration, limited bool) {
	if asked, ok := errors.AsType[*pauseError](err); ok {
		return asked.after, true
	}
	if reason, ok := errors.AsType[*notify.ErrorWithReason](err); ok && reason.Reason == notify.RateLimitedReason {
		return unnamedPause, true
	}
	return 0, false
}

// retryAfter reads how long a receiver wants to be left alone: in seconds, in the
// header or, as Discord does, in the body as well.
func retryAfter(header http.Header, body []byte) time.Duration {
	seconds, err := strconv.ParseFloat(header.Get("Retry-After"), 64)
	if err != nil {
		if at, err := http.ParseTime(header.Get("Retry-After")); err == nil {
			return clampPause(time.Until(at))
		}
		var answer struct {
			RetryAfter float64 `json:"retry_after"`
		}
		if json.Unmarshal(body, &answer) != nil || answer.RetryAfter <= 0 {
			return unnamedPause
		}
		seconds = answer.RetryAfter
	}
	if !(seconds <= longestPause.Seconds()) { // NaN is not either
		return longestPause
	}
	return clampPause(time.Duration(seconds * float64(time.Second)))
}

func clampPause(d time.Duration) time.Duration { return min(max(d, 0), longestPause) }
