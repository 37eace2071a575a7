// Package endpoint answers questions about addresses: where a connection really
// goes, which client a request counts for, and how a URL is shown without its secrets.
//
// A name says nothing about where it leads: DNS may send localhost. anywhere, and
// send it elsewhere a moment later. What depends on the destination is decided by
// the address, and enforced by [Only] when the connection is made.
package endpoint

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// resolveTimeout bounds a look-up of [IsLoopbackHost].
const resolveTimeout = 5 * time.Second

// IsLoopback reports whether an address is one of loopback: 127.0.0.0/8 or ::1,
// also written as an IPv6 address that holds an IPv4 one. The unspecified
// addresses, 0.0.0.0 and ::, are not: which interface they reach depends on the system.
func IsLoopback(a netip.Addr) bool { return a.Unmap().IsLoopback() }

// IsNear reports whether an address is reached without crossing the internet: it
// is one of loopback, of the link, or of a private network (RFC 1918, RFC 4193). The
// shared addresses of RFC 6598, 100.64.0.0/10, are not near: a provider's customers
// share them.
func IsNear(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
}

// ClientOf returns the client that a request from a remote address counts for: the
// address, or its /64 in IPv6, since one client usually has all of that. Addresses
// that cannot be read share the zero Prefix.
//
// It must not be given an address from a header such as X-Forwarded-For, because a
// client can write anything into that.
func ClientOf(remoteAddr string) netip.Prefix {
	from, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	addr := from.Addr().Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, _ := addr.Prefix(bits) // both fit the address
	return prefix
}

// IsLoopbackHost reports whether a host, an address or a name, leads to loopback
// and nowhere else. A name is looked up, for 5 s at most, and every address that
// it has counts; one without an address leads nowhere. A nil resolver is the system's.
//
// The answer may be another one a moment later, so that connections that rely on it need [Only].
func IsLoopbackHost(ctx context.Context, r *net.Resolver, host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return IsLoopback(a)
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addresses, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return false
	}
	for _, a := range addresses {
		if !IsLoopback(a) {
			return false
		}
	}
	return len(addresses) > 0
}

// Only returns a ControlContext for a [net.Dialer] that connects to allowed
// addresses alone. It refuses any other before a byte is sent there; the error wraps refusal.
func Only(allowed func(netip.Addr) bool, refusal error) func(ctx context.Context, network, address string, c syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); err == nil && allowed(to.Addr()) {
			return nil
		}
		return fmt.Errorf("%w: it leads to %s", refusal, address)
	}
}
