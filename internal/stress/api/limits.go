package api

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"onsale/internal/field"
	"onsale/internal/stress"
	"onsale/internal/stress/session"
	"onsale/internal/stress/wire"
)

// Limits of runs that a [Manager] starts. Anyone who starts one may close the
// page, so a run ends by itself, and soon after it is stopped.
const (
	defaultRunTime = 10 * time.Minute
	maxRunTime     = time.Hour
	maxStopTimeout = 30 * time.Second
	// maxConnections is the most that any run opens, because each costs this process
	// memory and an open file.
	maxConnections = stress.DefaultMaxInFlight
)

// buyersShare: a run against this process must leave one connection in 4 to buyers.
const buyersShare = 4

// resolveTimeout bounds resolving a target's name.
const resolveTimeout = 2 * time.Second

// Own is the process that a [Manager] belongs to.
type Own struct {
	// Addr is the address that it serves on; nil if runs cannot target it.
	Addr net.Addr
	// MaxConnections is how many clients can be connected to it at once.
	MaxConnections int
	// Taken returns how many of these connections are reserved for other clients.
	Taken func() int
}

// bounded makes a session that keeps within the manager's limits.
func (m *Manager) bounded(ctx context.Context, o session.Options) (*managed, error) {
	own := m.options.Own.serves(ctx, m.options.Resolver, o.Target)
	s, err := session.New(o)
	if err != nil {
		return nil, err
	}
	if s.Length() == 0 {
		o.Settings.RunTime = defaultRunTime.String()
	}
	if own && s.Load().Open && o.Settings.MaxInFlight == 0 {
		o.Settings.MaxInFlight = max(min(stress.DefaultMaxInFlight, m.options.Own.free()), 1)
	}
	if s, err = session.New(o); err != nil {
		return nil, err
	}
	if length := s.Length(); length > maxRunTime {
		return nil, field.Errorf("run_time", "must be at most %s for a run that is started over HTTP, not %s: use the command line for longer ones",
			maxRunTime, length)
	}
	if s.StopTimeout() > maxStopTimeout {
		return nil, field.Errorf("stop_timeout", "must be between 0s and %s for a run that is started over HTTP", maxStopTimeout)
	}
	name, connections := "users", s.Load().Curve.Peak()
	if s.Load().Open {
		name, connections = "max_in_flight", float64(s.Load().MaxInFlight)
	}
	bounded := &managed{Session: s, bounded: true, own: own}
	return bounded, m.allows(bounded, name, connections)
}

// allows returns a [*field.Error] if a run that was started here would open too
// many connections.
func (m *Manager) allows(s *managed, name string, connections float64) error {
	if s.bounded && connections > maxConnections {
		return field.Errorf(name, "must be at most %d in a run that is started over HTTP: use the command line for more", maxConnections)
	}
	if s.own {
		return m.options.Own.allows(name, connections)
	}
	return nil
}

// allows returns a [*field.Error] if a run would open more connections than are
// free.
func (o Own) allows(name string, connections float64) error {
	free := o.free()
	if connections <= float64(free) {
		return nil
	}
	rule := fmt.Sprintf("must be at most %d in a run against this server: of its %d connections (--max-connections), "+
		"%d are reserved for demo users and a quarter for buyers", free, o.MaxConnections, o.taken())
	if free < 1 {
		rule = fmt.Sprintf("cannot be used against this server: of its %d connections (--max-connections), "+
			"%d are reserved for demo users and a quarter for buyers, so none is left", o.MaxConnections, o.taken())
	}
	return &field.Error{Field: name, Rule: rule}
}

// free returns how many connections a run may open.
func (o Own) free() int { return o.MaxConnections - o.MaxConnections/buyersShare - o.taken() }

func (o Own) taken() int {
	if o.Taken == nil {
		return 0
	}
	return o.Taken()
}

// serves reports whether connections to a target reach this process. It compares
// addresses, because one address has many names. A name that does not resolve
// counts as this process.
func (o Own) serves(ctx context.Context, r *net.Resolver, target *wire.Target) bool {
	listening, ok := o.Addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	u, err := url.Parse(target.String())
	if err != nil || portOf(u) != uint64(listening.AddrPort().Port()) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	found, err := r.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return true
	}
	local, err := localAddrs()
	if err != nil {
		return true
	}
	bound := plainAddr(listening.AddrPort().Addr())
	for _, addr := range found {
		addr = plainAddr(addr)
		switch {
		case addr == bound,
			addr.IsUnspecified() && bound.IsLoopback(), // dialing it reaches loopback
			bound.IsUnspecified() && (addr.IsLoopback() || addr.IsUnspecified() || local[addr]):
			return true
		}
	}
	return false
}

// portOf returns the port of a target's URL.
func portOf(u *url.URL) uint64 {
	switch {
	case u.Port() != "":
		port, _ := strconv.ParseUint(u.Port(), 10, 16) // ParseTarget has checked it
		return port
	case u.Scheme == "https":
		return 443
	default:
		return 80
	}
}

// localAddrs returns the addresses of this machine.
func localAddrs() (map[netip.Addr]bool, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list addresses of this machine: %w", err)
	}
	local := make(map[netip.Addr]bool)
	for _, addr := range addrs {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil {
			local[plainAddr(prefix.Addr())] = true
		}
	}
	return local, nil
}

// plainAddr returns an address without its zone, and as IPv4 where it is one.
func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
