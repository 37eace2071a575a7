package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"onsale/internal/endpoint"
)

// Default ports.
const (
	portHTTP  = "80"
	portHTTPS = "443"
)

// Target is where requests go: scheme, address, and a common base path. Clients share a
// target, and with it the unused buffers.
type Target struct {
	url    url.URL
	secure bool
	// host has no brackets and no port. port is never empty.
	host, port string
	// field is the Host field, including its line break.
	field string
	// base is the base path, escaped and without a slash at its end.
	base string
	// loopback is set if every connection must go to a loopback address.
	loopback bool
	// resolver resolves the host; nil is the system's.
	resolver *net.Resolver

	buffers buffers
}

// ParseTarget parses a URL, http:// or https://, or host:port, which means http. An
// error names the part that is not allowed, and quotes nothing, because a password may
// be anywhere in the text. Call [Target.Resolve] to resolve the host.
func ParseTarget(text string) (*Target, error) {
	if text == "" {
		return nil, errors.New("the target is empty: give a URL, such as http://localhost:8000")
	}
	whole := text
	if !strings.Contains(text, "://") {
		whole = "http://" + text
	}
	u, err := url.Parse(whole)
	if err != nil {
		return nil, fmt.Errorf("read target: %s", endpoint.Reason(err))
	}
	t := &Target{url: *u, host: u.Hostname(), port: u.Port(), secure: u.Scheme == "https"}
	if err := t.check(whole); err != nil {
		return nil, fmt.Errorf("read target: %w", err)
	}
	t.fill()
	return t, nil
}

// check returns what is not allowed in a target.
func (t *Target) check(whole string) error {
	switch u := &t.url; {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("its scheme is neither http nor https")
	case u.User != nil:
		return errors.New("it has a user name or password: send an Authorization header instead")
	case t.host == "":
		return errors.New("it has no host")
	case t.host == "http" || t.host == "https":
		return errors.New("its scheme is not followed by ://")
	case strings.ContainsFunc(t.host, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return errors.New("its host has characters beyond ASCII: write it in Punycode (xn--…)")
	case strings.Contains(u.Path, "@"):
		return errors.New("it has an @ behind its host: a user name or password there would be shown")
	case u.RawQuery != "" || u.ForceQuery:
		return errors.New("it has a query: put queries into the paths of requests")
	case strings.Contains(whole, "#"):
		return errors.New("it has a fragment (#…), which is never sent")
	}
	if t.port == "" {
		return nil
	}
	if n, err := strconv.ParseUint(t.port, 10, 16); err != nil || n == 0 {
		return errors.New("its port is not between 1 and 65535")
	}
	return nil
}

// fill computes, once, what each request needs.
func (t *Target) fill() {
	usual := portHTTP
	if t.secure {
		usual = portHTTPS
	}
	if t.port == "" {
		t.port = usual
	}
	// The zone of an IPv6 address has a meaning only on this machine.
	name, _, _ := strings.Cut(t.host, "%")
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if t.port != usual {
		name += ":" + t.port
	}
	t.field = "Host: " + name + "\r\n"
	t.base = strings.TrimRight(t.url.EscapedPath(), "/")
	if a, err := netip.ParseAddr(t.host); err == nil {
		t.loopback = endpoint.IsLoopback(a)
	}
	t.url.Path, t.url.RawPath = strings.TrimRight(t.url.Path, "/"), strings.TrimRight(t.url.RawPath, "/")
}

// String returns the URL without a slash at its end.
func (t *Target) String() string { return t.url.String() }

// Resolve resolves the host if it is a name. It takes at most 5 s; a nil resolver is
// the system's. If all addresses of the host are loopback addresses, every later
// connection must go to a loopback address as well, even if the name resolves to
// something else by then. Call it before the first client is made.
func (t *Target) Resolve(ctx context.Context, r *net.Resolver) {
	t.resolver, t.loopback = r, endpoint.IsLoopbackHost(ctx, r, t.host)
}

// Loopback reports whether all requests stay on this machine: the host is a loopback
// address, or a name that resolved only to such addresses in [Target.Resolve]. A name
// that has not been resolved, even localhost, is not.
func (t *Target) Loopback() bool { return t.loopback }

// Private reports whether nobody on the network can read the requests, because they
// stay on this machine or use TLS.
func (t *Target) Private() bool { return t.secure || t.loopback }

// ErrNotLoopback is the error of a connection that would leave this machine although
// the target was a loopback address when it was resolved. Nothing is sent.
var ErrNotLoopback = errors.New("the host no longer resolves to a loopback address, as it did at the start")

// Dialer returns a dialer for the target. If the target is loopback, the dialer rejects
// any other address with [ErrNotLoopback].
func (t *Target) Dialer() *net.Dialer {
	// A connection is idle while its user waits. Keep-alive probes would be unwanted
	// traffic.
	d := &net.Dialer{KeepAlive: -1, Resolver: t.resolver}
	if t.loopback {
		d.ControlContext = endpoint.Only(endpoint.IsLoopback, ErrNotLoopback)
	}
	return d
}

// address returns the address to dial.
func (t *Target) address() string { return net.JoinHostPort(t.host, t.port) }
