package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"onsale/internal/client"
	"onsale/internal/endpoint"
)

// The time that `onsale health` may be given.
const (
	minHealthTimeout = 10 * time.Millisecond
	maxHealthTimeout = time.Minute
	// maxHealthAnswer limits how much of an answer is read, in bytes.
	maxHealthAnswer = 64 << 10
)

// HealthOptions say what `onsale health` asks.
type HealthOptions struct {
	// URL is that of a server, http://HOST:PORT, or of anything else that answers 200 when all
	// is well. Empty stands for the server of this machine that listens on Listen.
	URL string
	// Listen is the address that a server was told to listen on, host:port.
	Listen string
	// Ready asks whether the server is ready for requests, rather than whether it lives. It
	// goes with a URL without a path.
	Ready bool
	// Timeout bounds the wait for the answer.
	Timeout time.Duration
}

// ErrUnhealthy is wrapped by the errors of [Health] about the server, as opposed to those
// about the options.
var ErrUnhealthy = errors.New("unhealthy")

// Health asks a server for its health and returns what it asked. It follows no redirect and uses
// no proxy. The error wraps [ErrUnhealthy] unless the answer is 200; any other is about the options.
func Health(ctx context.Context, o HealthOptions) (asked string, err error) {
	address, err := o.address()
	if err != nil {
		return "", err
	}
	asked = endpoint.Shown(address)
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("no answer within %s", o.Timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("the URL must look like http://127.0.0.1:8000: %w", err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return asked, fmt.Errorf("%w: %s: %w", ErrUnhealthy, asked, because(ctx, err))
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return asked, nil
	}
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxHealthAnswer)) // the status says enough
	text := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	if said := client.Excerpt(body); said != "" {
		text += ": " + said
	}
	return asked, fmt.Errorf("%w: %s: %s", ErrUnhealthy, asked, text)
}

// address returns the URL to ask.
func (o HealthOptions) address() (string, error) {
	if o.Timeout < minHealthTimeout || o.Timeout > maxHealthTimeout {
		return "", fmt.Errorf("--timeout must be between %s and %s, not %s", minHealthTimeout, maxHealthTimeout, o.Timeout)
	}
	path := "/health"
	if o.Ready {
		path = "/ready"
	}
	if o.URL == "" {
		host, err := o.local()
		return (&url.URL{Scheme: "http", Host: host, Path: path}).String(), err // escapes the zone of an IPv6 address
	}
	u, ok := endpoint.ParseWebURL(o.URL)
	switch {
	case !ok:
		return "", fmt.Errorf("the URL must look like http://127.0.0.1:8000, not %q", endpoint.Shown(o.URL))
	case u.User != nil || u.Fragment != "":
		return "", errors.New("the URL must have neither a user nor a fragment")
	case u.Path == "" || u.Path == "/":
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: path, RawQuery: u.RawQuery}).String(), nil
	case o.Ready:
		return "", errors.New("--ready asks /ready: give a URL without a path, or leave out --ready")
	}
	return u.String(), nil
}

// local returns the address at which this machine reaches a server that listens on o.Listen: one
// on all addresses is asked at that of loopback.
func (o HealthOptions) local() (string, error) {
	if err := endpoint.CheckListen("--listen", o.Listen); err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil || port == "" || port == "0" {
		return "", fmt.Errorf("--listen must name the port of the server to ask, not %q", endpoint.Shown(o.Listen))
	}
	return endpoint.Dialable(host, port), nil
}
