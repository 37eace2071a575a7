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
	// attemptTimeout bounds one attempt, from dialling to the end of the answer.
	attemptTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read, in bytes.
	maxAnswer = 64 << 10
)

// Client posts messages to one webhook. It follows no redirect, keeps the pauses
// that Discord asks for, and its errors hold nothing of the webhook's URL. Pauses
// are kept for each client: a second client to the same webhook learns of them
// from an answer of its own.
type Client struct {
	http  *http.Client
	pause Pause
}

// NewClient returns a client that sends through transport; nil is the usual one,
// with the proxy of the environment.
func NewClient(transport http.RoundTripper) *Client {
	if transport == nil {
		transport = http.DefaultTransport
		if usual, ok := transport.(*http.Transport); ok {
			transport = usual.Clone()
		}
	}
	return &Client{http: &http.Client{
		Transport: transport,
		// A redirect that is followed hands the webhook's address on.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Send posts a message, encoded as JSON, to the address that a configuration
// file has as its webhook_url. It first waits for the end of a pause that Discord
// asked for, or for the end of ctx. It makes one attempt of at most 10 s. retry
// reports whether another attempt may end better.
func (c *Client) Send(ctx context.Context, address Secret, message []byte) (retry bool, err error) {
	hook, err := parseWebhook(address, "webhook_url")
	if err != nil {
		// A file that holds the URL may be in the middle of being replaced.
		return true, err
	}
	if err := c.pause.Wait(ctx); err != nil {
		return true, err
	}
	if got := c.post(ctx, hook, message); !got.delivered {
		return !got.final, errors.New("discord did not take the message: " + got.reason)
	}
	return false, nil
}

// post makes one attempt. An attempt that fails after the message was sent may
// have delivered it. It is repeated all the same, because Discord has no name for
// a message by which it could tell: rather twice than never.
func (c *Client) post(ctx context.Context, hook *webhook, message []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, string(hook.post), bytes.NewReader(message))
	if err != nil {
		return answer{final: true, reason: hook.name + " makes no request"}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Onsale")
	response, err := c.http.Do(request)
	if err != nil {
		return answer{reason: hook.unreachable(err)}
	}
	defer response.Body.Close()
	// The status says enough where the body cannot be read to its end.
	start, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	got := hook.read(response.StatusCode, response.Header, start, time.Now())
	c.pause.Extend(got.pause)
	return got
}

// unreachable says why there was no answer. It keeps nothing of the error but
// its words: net/http wraps errors with the URL.
func (w *webhook) unreachable(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", attemptTimeout)
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	return clip(line(w.redact(err.Error())), maxReason)
}

// Pause is a time during which a receiver wants to be left alone. The zero value
// is over. It is safe for concurrent use.
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

// Left returns how much of the pause is left, 0 or less if it is over.
func (p *Pause) Left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.until)
}

// Wait waits for the end of the pause. Its error is that ctx ended first.
func (p *Pause) Wait(ctx context.Context) error {
	for left := p.Left(); left > 0; left = p.Left() {
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait as long as the receiver asked for: %w", context.Cause(ctx))
		}
	}
	return nil
}
