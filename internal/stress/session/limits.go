package session

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
	"onsale/internal/stress/wire"
)

// Limits of runs that are started at a [Desk]. Anyone who starts one may close the
// page, so a run ends by itself, and soon after it is stopped.
const (
	deskRunTime     = 10 * time.Minute // where nothing was asked for
	deskMaxRunTime  = time.Hour
	deskStopTimeout = 30 * time.Second // the most
	// deskConnections is the most that any run takes, as each costs the process of the
	// desk memory and an open file.
	deskConnections = stress.DefaultMaxInFlight
)

// buyersShare is the part of all connections, one in so many, that no run against
// the desk's own process may take.
const buyersShare = 4

// resolveTimeout bounds the look-up of a target's name.
const resolveTimeout = 2 * time.Second

// Own is the process that a [Desk] belongs to.
type Own struct {
	// Addr is the address that it serves on; nil if it is no target for runs.
	Addr net.Addr
	// MaxConnections is how many clients may be connected to it at once.
	MaxConnections int
	// Taken returns how many of these connections are meant for others.
	Taken func() int
}

// bounded makes a session that keeps within the desk's limits.
func (d *Desk) bounded(ctx context.Context, o Options) (*Session, error) {
	own := d.options.Own.serves(ctx, d.options.Resolver, o.Target)
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	if s.Length() == 0 {
		o.Settings.RunTime = deskRunTime.String()
	}
	if own && s.plan.whole.Open && o.Settings.MaxInFlight == 0 {
		o.Settings.MaxInFlight = max(min(stress.DefaultMaxInFlight, d.options.Own.free()), 1)
	}
	if s, err = New(o); err != nil {
		return nil, err
	}
	s.bounded, s.own = true, own
	if length := s.Length(); length > deskMaxRunTime {
		return nil, field.Errorf("run_time", "must be at most %s for a run that is started here, not %s: longer ones are for the command line",
			deskMaxRunTime, length)
	}
	if s.plan.stopTimeout > deskStopTimeout {
		return nil, field.Errorf("stop_timeout", "must be between 0s and %s for a run that is started here", deskStopTimeout)
	}
	name, connections := "users", peak(s.plan.load.Curve)
	if s.plan.load.Open {
		name, connections = "max_in_flight", float64(s.plan.load.MaxInFlight)
	}
	return s, d.allows(s, name, connections)
}

// allows returns a [*field.Error] where a run that was started here would take
// too many connections.
func (d *Desk) allows(s *Session, name string, connections float64) error {
	if s.bounded && connections > deskConnections {
		return field.Errorf(name, "must be at most %d in a run that is started here: more are for the command line", deskConnections)
	}
	if s.own {
		return d.options.Own.allows(name, connections)
	}
	return nil
}

// allows returns a [*field.Error] for a run that would take more connections
// than are free.
func (o Own) allows(name string, connections float64) error {
	free := o.free()
	if connections <= float64(free) {
		return nil
	}
	rule := fmt.Sprintf("must be at most %d in a run against this very server: of its %d connections (--max-connections), "+
		"%d are the demo crowd's and a quarter is left to buyers", free, o.MaxConnections, o.taken())
	if free < 1 {
		rule = fmt.Sprintf("cannot be used against this very server: of its %d connections (--max-connections), "+
			"none is left beside the demo crowd's %d and a quarter for buyers", o.MaxConnections, o.taken())
	}
	return &field.Error{Field: name, Rule: rule}
}

// free returns how many connections a run may take.
func (o Own) free() int { return o.MaxConnections - o.MaxConnections/buyersShare - o.taken() }

func (o Own) taken() int {
	if o.Taken == nil {
		return 0
	}
	return o.Taken()
}

// serves reports whether connections to a target lead to this very process. The
// addresses decide, since one address has many names. A name that cannot be looked
// up is taken for one of this process.
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
			addr.IsUnspecified() && bound.IsLoopback(), // it is dialed as loopback
			bound.IsUnspecified() && (addr.IsLoopback() || addr.IsUnspecified() || local[addr]):
			return true
		}
	}
	return false
}

// portOf returns the port that the URL of a target means.
func portOf(u *url.URL) uint64 {
	switch {
	case u.Port() != "":
		port, _ := strconv.ParseUint(u.Port(), 10, 16) // a target's port is one
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
