package endpoint

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// CheckListen checks the address that a flag gives to listen on. It refuses a URL,
// which the error of Listen would repeat with its password.
func CheckListen(flag, address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil || strings.ContainsAny(address, "/@?#") {
		return fmt.Errorf("%s must be host:port, like 127.0.0.1:8000, not %q", flag, Shown(address))
	}
	return nil
}

// LocalURL returns the URL at which this machine opens a listener. One on all
// addresses is opened at 127.0.0.1: no browser opens http://[::]:8000.
func LocalURL(addr net.Addr) string {
	u := url.URL{Scheme: "http", Host: addr.String()}
	if host, port, err := net.SplitHostPort(u.Host); err == nil {
		u.Host = Dialable(host, port)
	}
	return u.String() // escapes the zone of an IPv6 address
}

// Dialable returns the host and port at which this machine reaches a server that listens
// on a host and port. One that listens on all addresses is reached at that of loopback.
func Dialable(host, port string) string {
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// OnLoopback reports whether a listener accepts connections to a loopback address alone.
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

// ParseWebURL parses a URL of HTTP that names a host, and reports whether it is one. A URL
// with an @ in its path is refused: there may be a user and a password before that.
func ParseWebURL(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	return u, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.Contains(u.Path, "@")
}
