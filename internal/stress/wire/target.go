package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
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

	buffers buffers
}

// ParseTarget reads a URL, http:// or https://, or host:port, which means http.
// An error names what the text has that a target cannot have.
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
		return nil, fmt.Errorf("read target: %w", withoutURL(err))
	}
	t := &Target{url: *u, host: u.Hostname(), port: u.Port(), secure: u.Scheme == "https"}
	if err := t.check(whole); err != nil {
		return nil, fmt.Errorf("read target: %w", err)
	}
	t.fill()
	return t, nil
}

// withoutURL leaves out the URL that url.Parse quotes, because it may hold a password.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// check says what a target cannot have. It quotes no part that may be secret.
func (t *Target) check(whole string) error {
	switch u := &t.url; {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q is neither http nor https", u.Scheme)
	case u.User != nil:
		return errors.New("it has a user name or password: send an Authorization header instead")
	case t.host == "":
		return errors.New("it has no host")
	case (t.host == "http" || t.host == "https") && strings.HasSuffix(u.Host, ":"):
		return fmt.Errorf("%s: is not followed by //", t.host)
	case strings.ContainsFunc(t.host, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return fmt.Errorf("host %q has characters beyond ASCII: write it in Punycode (xn--…)", t.host)
	case u.RawQuery != "" || u.ForceQuery:
		return errors.New("it has a query: queries belong to the paths of requests")
	case strings.Contains(whole, "#"):
		return errors.New("it has a fragment (#…), which is never sent")
	}
	if t.port == "" {
		return nil
	}
	if n, err := strconv.ParseUint(t.port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("port %s is not between 1 and 65535", t.port)
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
	t.url.Path, t.url.RawPath = strings.TrimRight(t.url.Path, "/"), strings.TrimRight(t.url.RawPath, "/")
}

// String returns the URL without a slash at its end.
func (t *Target) String() string { return t.url.String() }

// Loopback reports whether the host is a loopback address, or localhost. A name
// below localhost is not: many resolvers ask the network for it, as for any other.
func (t *Target) Loopback() bool {
	if strings.EqualFold(strings.TrimSuffix(t.host, "."), "localhost") {
		return true
	}
	a, err := netip.ParseAddr(t.host)
	return err == nil && a.Unmap().IsLoopback()
}

// address is what is dialed.
func (t *Target) address() string { return net.JoinHostPort(t.host, t.port) }
