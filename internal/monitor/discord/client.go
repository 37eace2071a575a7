package discord

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// attemptTimeout limits one attempt, from dialling to the end of the response.
	attemptTimeout = 10 * time.Second
	// maxAnswer is how much of a response body is read, in bytes.
	maxAnswer = 64 << 10
)

// Client posts messages to one webhook. It follows no redirects and respects Discord's
// rate limits. Its errors contain no part of the webhook's URL. Two clients for the
// same webhook do not share their rate limit state.
type Client struct {
	http  *http.Client
	pause Pause
}

// NewClient returns a client that uses transport. nil means a copy of
// [http.DefaultTransport], which uses the proxy from the environment.
func NewClient(transport http.RoundTripper) *Client {
	if transport == nil {
		transport = http.DefaultTransport
		if usual, ok := transport.(*http.Transport); ok {
			transport = usual.Clone()
		}
	}
	return &Client{http: &http.Client{
		Transport: transport,
		// Following a redirect could reveal the webhook's address.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Send posts a message, encoded as JSON, to the webhook_url of a configuration file. It
// first waits until Discord's rate limit allows it or ctx ends. Then it makes one
// attempt of at most 10 s. retry reports whether another attempt may succeed.
func (c *Client) Send(ctx context.Context, address Secret, message []byte) (retry bool, err error) {
	hook, err := parseWebhook(address, "webhook_url")
	if err != nil {
		// Another process may be replacing the file that contains the URL.
		return true, err
	}
	if err := c.pause.Wait(ctx); err != nil {
		return true, err
	}
	if got := c.post(ctx, hook, message); !got.delivered {
		return !got.final, errors.New("discord did not accept the message: " + got.reason)
	}
	return false, nil
}

// post makes one attempt. An attempt that fails after the message was sent may have
// delivered it. The message is sent again nevertheless: Discord has no idempotency key,
// and a duplicate is better than a lost message.
func (c *Client) post(ctx context.Context, hook *webhook, message []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, string(hook.post), bytes.NewReader(message))
	if err != nil {
		return answer{final: true, reason: hook.name + " is not a valid request URL"}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Onsale")
	response, err := c.http.Do(request)
	if err != nil {
		return answer{reason: hook.unreachable(err)}
	}
	defer response.Body.Close()
	// A body that cannot be read is ignored, because the status is enough.
	start, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	got := hook.read(response.StatusCode, response.Header, start, time.Now())
	c.pause.Extend(got.pause)
	return got
}

// unreachable returns why there was no response. It drops the *[url.Error] around the
// cause, because that contains the webhook's URL.
func (w *webhook) unreachable(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", attemptTimeout)
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	return clip(line(w.redact(err.Error())), maxReason)
}

// Pause is a period in which nothing may be sent to a receiver. The zero value has
// ended. It is safe for concurrent use.
type Pause struct {
	mu    sync.Mutex
	until time.Time
}

// Extend makes the pause last at least this long from now.
func (p *Pause) Extend(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); d > 0 && until.After(p.until) {
		p.until = until
	}
}

// Left returns how much of the pause is left, 0 or less if it has ended.
func (p *Pause) Left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.until)
}

// Wait waits for the end of the pause. It returns an error if ctx ends first.
func (p *Pause) Wait(ctx context.Context) error {
	for left := p.Left(); left > 0; left = p.Left() {
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for the receiver's rate limit: %w", context.Cause(ctx))
		}
	}
	return nil
}
