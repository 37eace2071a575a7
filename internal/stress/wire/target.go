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

// The ports that a URL without one means.
const (
	portHTTP  = "80"
	portHTTPS = "443"
)

// Target is what requests go to: scheme, address, and the path that all have in
// common. Clients share one, and with it the buffers that none of them uses.
type Target struct {
	url    url.URL
	secure bool
	// host has no brackets and no port, port is never empty.
	host, port string
	// field is the Host field, line break included.
	field string
	// base is the path in common, escaped and without a slash at its end.
	base string
	// loopback says that every connection must go to a loopback address.
	loopback bool
	// resolver looks the host up; nil is the system's.
	resolver *net.Resolver

	buffers buffers
}

// ParseTarget reads a URL, http:// or https://, or host:port, which means http.
// An error names what the text has that a target cannot have, and quotes none of it:
// a password may be anywhere in it. [Target.Resolve] finds out where a name leads.
func ParseTarget(text string) (*Target, error) {
	if text == "" {
		return nil, errors.New("the target is empty: it is a URL, such as http://localhost:8000")
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

// check says what a target cannot have.
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
		return errors.New("it has a query: queries belong to the paths of requests")
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

// fill computes what each request needs, once.
func (t *Target) fill() {
	usual := portHTTP
	if t.secure {
		usual = portHTTPS
	}
	if t.port == "" {
		t.port = usual
	}
	// The zone of an IPv6 address means something on this machine only.
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

// Resolve looks up where a host that is a name leads, for 5 s at most; a nil
// resolver is the system's. The target is one of loopback if all addresses of its host
// are, and then every later connection must go to one too, wherever the name leads by
// then. It is called before the first client is made.
func (t *Target) Resolve(ctx context.Context, r *net.Resolver) {
	t.resolver, t.loopback = r, endpoint.IsLoopbackHost(ctx, r, t.host)
}

// Loopback reports whether all requests stay on this machine: the host is a
// loopback address, or a name that led to nothing else in [Target.Resolve]. A name
// that was not looked up is not, not even localhost.
func (t *Target) Loopback() bool { return t.loopback }

// Private reports whether nobody on the way can read what is sent: it stays on
// this machine, or goes over TLS.
func (t *Target) Private() bool { return t.secure || t.loopback }

// ErrNotLoopback is what a connection fails with that would leave this machine,
// to a target that was one of loopback when it was resolved. Nothing was sent.
var ErrNotLoopback = errors.New("the host was a loopback address when it was looked up first, and is not any more")

// Dialer returns a dialer of connections to the target. Where the target is one of
// loopback it refuses any other address with [ErrNotLoopback].
func (t *Target) Dialer() *net.Dialer {
	// An idle connection is the user's wait: probing it would be traffic that nobody asked for.
	d := &net.Dialer{KeepAlive: -1, Resolver: t.resolver}
	if t.loopback {
		d.ControlContext = endpoint.Only(endpoint.IsLoopback, ErrNotLoopback)
	}
	return d
}

// address is what is dialed.
func (t *Target) address() string { return net.JoinHostPort(t.host, t.port) }
