// Package healthcmd is `onsale health`: the health check of a container that has neither a
// shell nor curl.
package healthcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/client"
	"onsale/internal/endpoint"
)

// Bounds of --timeout, and of the answer.
const (
	minTimeout = 10 * time.Millisecond
	maxTimeout = time.Minute
	// maxAnswer limits how much of an answer is read, in bytes.
	maxAnswer = 64 << 10
)

// Command is `onsale health`.
type Command struct {
	URL     string        `arg:"" optional:"" help:"URL of the server. A URL with a path is requested unchanged. Without a URL, the server is the one on this machine that listens on --listen."`
	Listen  string        `help:"Address that the server listens on, host:port." default:"127.0.0.1:8000"`
	Ready   bool          `help:"Request /ready, which reports whether the server can sell, instead of /health." env:"-"`
	Timeout time.Duration `help:"Time to wait for the answer, 10ms to 1m." default:"3s" env:"ONSALE_HEALTH_TIMEOUT"`
}

// Help is shown under `onsale health --help`.
func (Command) Help() string {
	return `Sends one request to /health, or to /ready with --ready. The exit code is 0 if the
answer is 200, 1 if it is not, and 2 for a usage error.`
}

// Run sends one request. It follows no redirect and uses no proxy. An error about the flags
// is a [command.UsageError]; any other error means that the server is unhealthy.
func (c *Command) Run(ctx context.Context, e *command.Env) error {
	address, err := c.address()
	if err != nil {
		return &command.UsageError{Err: err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("no answer within %s", c.Timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return &command.UsageError{Err: fmt.Errorf("the URL must be one like http://127.0.0.1:8000: %w", err)}
	}
	asked := endpoint.Shown(address)
	if err := ask(request); err != nil {
		return fmt.Errorf("unhealthy: %s: %w", asked, err)
	}
	fmt.Fprintf(e.Stdout, "%s: 200 OK\n", asked)
	return nil
}

// ask sends the request, and returns an error unless the answer is 200.
func ask(request *http.Request) error {
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return command.RequestError(request.Context(), err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	text := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // the status says enough
	if said := client.Excerpt(body); said != "" {
		text += ": " + said
	}
	return errors.New(text)
}

// address returns the URL to request.
func (c *Command) address() (string, error) {
	if c.Timeout < minTimeout || c.Timeout > maxTimeout {
		return "", fmt.Errorf("--timeout must be between %s and %s, not %s", minTimeout, maxTimeout, c.Timeout)
	}
	path := "/health"
	if c.Ready {
		path = "/ready"
	}
	if c.URL == "" {
		host, err := c.local()
		return (&url.URL{Scheme: "http", Host: host, Path: path}).String(), err // escapes the zone of an IPv6 address
	}
	u, ok := endpoint.ParseWebURL(c.URL)
	switch {
	case !ok:
		return "", fmt.Errorf("the URL must be one like http://127.0.0.1:8000, not %q", endpoint.Shown(c.URL))
	case u.User != nil || u.Fragment != "":
		return "", errors.New("the URL must have neither a user nor a fragment")
	case u.Path == "" || u.Path == "/":
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: path, RawQuery: u.RawQuery}).String(), nil
	case c.Ready:
		return "", errors.New("--ready requests /ready: use a URL without a path, or leave out --ready")
	}
	return u.String(), nil
}

// local returns the address at which this machine reaches a server that listens on c.Listen.
// If the server listens on all addresses, that is the loopback address.
func (c *Command) local() (string, error) {
	if err := endpoint.CheckListen("--listen", c.Listen); err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "" || port == "0" {
		return "", fmt.Errorf("--listen must have the port of the server, not %q", endpoint.Shown(c.Listen))
	}
	return endpoint.Dialable(host, port), nil
}
