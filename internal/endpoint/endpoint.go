// Package endpoint answers questions about addresses: where a connection really goes, which
// client a request counts for, and how to show a URL without its secrets.
//
// A host name is not enough to decide where a connection goes: DNS can resolve localhost. to
// any address, and to a different one a moment later. Decisions about the destination must
// use the address, and [Only] enforces them when the connection is made.
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

// IsLoopback reports whether an address is a loopback address: 127.0.0.0/8 or ::1, also as an
// IPv4-mapped IPv6 address. The unspecified addresses, 0.0.0.0 and ::, are not loopback
// addresses: which interface they reach depends on the system.
func IsLoopback(a netip.Addr) bool { return a.Unmap().IsLoopback() }

// IsNear reports whether a connection to an address does not cross the internet: the address
// is a loopback, link-local or private one (RFC 1918, RFC 4193). The shared addresses of RFC
// 6598, 100.64.0.0/10, are not near: the customers of a provider share them.
func IsNear(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
}

// ClientOf returns the client that a request from a remote address counts for: the address,
// or its /64 in IPv6, because one client usually owns the whole /64. All addresses that
// cannot be parsed share the zero Prefix.
//
// Do not pass an address from a header such as X-Forwarded-For: a client can write anything
// into it.
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
	prefix, _ := addr.Prefix(bits) // both lengths are valid
	return prefix
}

// IsLoopbackHost reports whether a host, an address or a name, resolves to loopback addresses
// only. It looks up a name for at most 5 s, and checks all its addresses; it returns false for
// a name without addresses. A nil resolver is the system's.
//
// The name can resolve to another address a moment later: connections that rely on the result
// also need [Only].
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

// Only returns a ControlContext for a [net.Dialer] that connects to allowed addresses only. It
// rejects any other address before it sends a byte; the error wraps refusal.
func Only(allowed func(netip.Addr) bool, refusal error) func(ctx context.Context, network, address string, c syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); err == nil && allowed(to.Addr()) {
			return nil
		}
		return fmt.Errorf("%w: it resolves to %s", refusal, address)
	}
}
