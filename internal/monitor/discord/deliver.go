package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// attemptTimeout bounds one attempt, from dialling to the end of the answer.
	attemptTimeout = 10 * time.Second
	// firstBackoff is the pause after a failed attempt; each further one is
	// twice as long, up to maxBackoff.
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	// refusedFor is how long a notification that Discord refused is not sent
	// again, though Alertmanager asks. Longer than any flush interval, and short
	// enough that a webhook repaired at Discord's end is found to be.
	refusedFor = 10 * time.Minute
	// maxAge is when an undelivered notification is given up: by then it misleads.
	maxAge = 24 * time.Hour
	// maxAnswer is how much of an answer is read, in bytes.
	maxAnswer = 64 << 10
)

// newClient returns a client that follows no redirect: that would hand the
// webhook's address on.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = http.DefaultTransport
		if usual, ok := transport.(*http.Transport); ok {
			transport = usual.Clone()
		}
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Run delivers what is in the inbox until ctx ends, which is an orderly end.
// What is not delivered by then is delivered by the next Run on the same file.
func (n *Notifier) Run(ctx context.Context) error {
	if n.webhook == nil {
		n.inbox.giveUp(0, "DISCORD_URL is not set any more")
		<-ctx.Done()
		return nil
	}
	defer n.client.CloseIdleConnections()
	failures := 0
	for ctx.Err() == nil {
		entry, ok := n.inbox.next()
		pause := n.pause()
		switch {
		case !ok:
			select {
			case <-n.queued:
			case <-ctx.Done():
			}
		case pause > 0:
			rest(ctx, pause)
		case n.now().Sub(entry.Time) > maxAge:
			n.inbox.giveUp(entry.ID, fmt.Sprintf("not delivered within %s: %s", maxAge, entry.Delivery.LastError))
			n.log.Error("discord notification given up", "id", entry.ID, "attempts", entry.Delivery.Attempts, "error", entry.Delivery.LastError)
		default:
			failures = n.deliver(ctx, entry, failures)
		}
	}
	return nil
}

// rest waits for a while, or for the end.
func rest(ctx context.Context, while time.Duration) {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// pause returns for how long nothing may be sent.
func (n *Notifier) pause() time.Duration {
	if until := n.paused.Load(); until != nil {
		return until.Sub(n.now())
	}
	return 0
}

// deliver makes one attempt, and returns how many have failed in a row.
func (n *Notifier) deliver(ctx context.Context, entry Notification, failures int) int {
	got := n.attempt(ctx, entry.Payload)
	if ctx.Err() != nil && !got.delivered {
		// Stopped in the middle: it stays in the queue. Discord may have the
		// message by now; hearing it twice is better than not at all.
		return failures
	}
	wait := got.wait
	if !got.delivered && !got.final && wait == 0 {
		wait = backoff(failures)
	}
	if wait > 0 {
		until := n.now().Add(wait)
		n.paused.Store(&until)
	}
	n.inbox.settle(entry.ID, got, n.now())
	attempts := entry.Delivery.Attempts + 1
	switch {
	case got.delivered:
		if attempts > 1 {
			n.log.Info("discord notification delivered", "id", entry.ID, "attempts", attempts)
		}
		return 0
	case got.final:
		n.log.Error("discord notification refused", "id", entry.ID, "attempts", attempts, "error", got.reason)
		return 0
	default:
		n.log.Warn("discord notification delayed", "id", entry.ID, "attempts", attempts, "retry_in", wait.String(), "error", got.reason)
		return failures + 1
	}
}

// backoff returns the pause after a failure that came after others.
func backoff(failures int) time.Duration {
	if failures >= 6 {
		return maxBackoff
	}
	return firstBackoff << failures
}

// attempt sends a message once. An attempt that fails after the message was
// sent may have delivered it. It is repeated all the same, because Discord has
// no name for a message by which it could tell: rather twice than never.
func (n *Notifier) attempt(ctx context.Context, message Payload) answer {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	body, err := json.Marshal(message)
	if err != nil {
		return answer{final: true, reason: "encode message: " + err.Error()}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, string(n.webhook.post), bytes.NewReader(body))
	if err != nil {
		return answer{final: true, reason: "DISCORD_URL makes no request"}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Onsale")
	response, err := n.client.Do(request)
	if err != nil {
		return answer{reason: n.unreachable(err)}
	}
	defer response.Body.Close()
	// The status says enough where the body cannot be read to its end.
	start, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return n.webhook.read(response.StatusCode, response.Header, start, n.now())
}

// unreachable says why there was no answer. It keeps nothing of the error but
// its words: net/http wraps errors with the URL.
func (n *Notifier) unreachable(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", attemptTimeout)
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	return clip(line(n.webhook.redact(err.Error())), maxReason)
}
