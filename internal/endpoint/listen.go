package endpoint

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// CheckListen checks the listen address of a flag. It rejects a URL, because the error of
// Listen would show the password in it.
func CheckListen(flag, address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil || strings.ContainsAny(address, "/@?#") {
		return fmt.Errorf("%s must be host:port, like 127.0.0.1:8000, not %q", flag, Shown(address))
	}
	return nil
}

// LocalURL returns the URL of a listener for clients on this machine. For a listener on all
// addresses it uses 127.0.0.1, because browsers cannot open http://[::]:8000.
func LocalURL(addr net.Addr) string {
	u := url.URL{Scheme: "http", Host: addr.String()}
	if host, port, err := net.SplitHostPort(u.Host); err == nil {
		u.Host = Dialable(host, port)
	}
	return u.String() // escapes the zone of an IPv6 address
}

// Dialable returns the host and port at which clients on this machine reach a server that
// listens on host and port. For a server on all addresses, the host is 127.0.0.1.
func Dialable(host, port string) string {
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// OnLoopback reports whether a listener accepts connections to a loopback address only.
func OnLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// OnAllAddresses reports whether a listener accepts connections to every address of
// this machine.
func OnAllAddresses(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsUnspecified()
}

// ParseWebURL parses an HTTP or HTTPS URL with a host, and reports whether it is valid. It
// rejects a URL with an @ in its path, because a user and a password can precede the @.
func ParseWebURL(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	return u, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.Contains(u.Path, "@")
}
