package catalog

import (
	"fmt"
	"math"
	"time"
)

// Traffic is the kind of calls that a provocation needs, because many alerts are on
// a share of calls.
type Traffic int

// The kinds of traffic that the demo users generate.
const (
	AnyTraffic Traffic = iota
	// Browsing is GET /concerts, Buying is POST /buy, and Collecting is the item
	// calls.
	Browsing
	Buying
	Collecting
)

// Provocation describes how to make an alert fire, for runbooks, buttons and
// drills.
type Provocation struct {
	// Faults is a JSON patch for PATCH /faults, or empty.
	Faults string
	// Also is a sentence about what else is needed, or what to do if no fault can
	// provoke the alert.
	Also string
	// Fires are the other alerts that the faults cause.
	Fires []string
	// Needs is the traffic that the faults affect.
	Needs Traffic
	// Fit adapts the provocation to a site; nil if the faults work everywhere.
	Fit func(Site) Attempt
}

// Site describes the server on which an alert is to be provoked.
type Site struct {
	// CPUs is the number of CPUs of the machine or container, and Processors how
	// many of them the server uses.
	CPUs, Processors int
	// MemoryUsed and MemoryTotal are those of the machine or container, in bytes.
	// MemoryReserve is what the server always leaves free, whatever the plan is.
	MemoryUsed, MemoryTotal, MemoryReserve uint64
	// QueueLimit is how many orders the queue holds.
	QueueLimit int
	// Users is the number of demo users. Items is true if all of them use items,
	// and RandomDeny if they buy at /buy_random_deny.
	Users             int
	Items, RandomDeny bool
	// Watched is for how long there have been metrics.
	Watched time.Duration
}

// Attempt is a provocation adapted to a site.
type Attempt struct {
	// Faults is the patch for PATCH /faults; empty if the alert cannot be provoked.
	Faults string
	// Within is how long it takes at most until the alert fires. Slow explains why
	// it takes that long and what would be quicker; it may be empty.
	Within time.Duration
	Slow   string
	// Cannot explains why the alert cannot be provoked here, and what to change.
	Cannot string
}

// usual is how long most alerts take at most to fire at the real pace. At the demo
// pace that is 30 s.
const usual = 6 * time.Minute

// Provoked returns how to provoke the alert at a site. The pace must be that of the
// alert.
func (a Alert) Provoked(site Site, p Pace) Attempt {
	within := p.Scale(usual)
	cannot := a.Provoke.Needs.missing(site)
	switch {
	case a.Provoke.Faults == "":
		return Attempt{Cannot: a.Provoke.Also}
	case cannot != "":
		return Attempt{Cannot: cannot}
	case a.Provoke.Fit == nil:
		return Attempt{Faults: a.Provoke.Faults, Within: within}
	}
	try := a.Provoke.Fit(site)
	if try.Cannot != "" {
		return Attempt{Cannot: try.Cannot}
	}
	if try.Faults == "" {
		try.Faults = a.Provoke.Faults
	}
	try.Within = max(try.Within, within)
	return try
}

// onlyFixed returns the patch that makes a delay fixed and removes the other kinds,
// because a plan with two kinds of delay is rejected.
func onlyFixed(delay string) string {
	return fmt.Sprintf(`{"fixed":%q,"uniform":null,"lognormal":null}`, delay)
}

// missing explains which traffic is too low, or returns an empty text. Of ten demo
// users, eight browse and buy, and two use items.
func (t Traffic) missing(site Site) string {
	const (
		fewBrowsing = 2 // this many users exceed the alerts' minimum of traffic
		fewOthers   = 8
	)
	switch {
	case t == AnyTraffic:
		return ""
	case (t == Browsing || t == Buying) && site.Items:
		return "The demo users only use items, and this alert needs buyers: set their scenario to tickets."
	case t == Buying && site.RandomDeny:
		return "The demo users buy at /buy_random_deny, and the fault affects only /buy: set their scenario to tickets."
	case site.Users < fewBrowsing, t != Browsing && !site.Items && site.Users < fewOthers:
		return fmt.Sprintf("The demo users (%d) make too few calls for this alert: set their number to 25.", site.Users)
	}
	return ""
}

// fitMemory fills the memory to slightly above the alert's threshold, if enough
// stays free.
func (r rules) fitMemory(site Site) Attempt {
	if site.MemoryTotal == 0 {
		return Attempt{Cannot: "Onsale cannot read the memory usage on this system. It can on Linux."}
	}
	const margin = 1 // per cent
	reachable := 100 * (1 - float64(site.MemoryReserve)/float64(site.MemoryTotal))
	reachable = math.Floor(min(reachable, maxMemoryPercent)) - margin
	if r.MemoryPercent > reachable {
		return Attempt{Cannot: fmt.Sprintf("The alert fires when more than %s %% of %s are in use, but %s must stay free, or the system kills a process. "+
			"Use a lower threshold: --alert-memory-percent %.0f.",
			number(r.MemoryPercent), bytesText(site.MemoryTotal), bytesText(site.MemoryReserve), max(reachable, 1))}
	}
	missing := max(r.memoryGoal()/100*float64(site.MemoryTotal)-float64(site.MemoryUsed), 0)
	return Attempt{
		Within: r.Scale(3*time.Minute) + time.Duration(missing/memorySpeed*float64(time.Second)),
		Slow: fmt.Sprintf("%s of memory must be filled first. A lower threshold is faster: --alert-memory-percent %.0f.",
			bytesText(uint64(missing)), max(100*float64(site.MemoryUsed)/float64(site.MemoryTotal)+10, 1)),
	}
}

const (
	// maxMemoryPercent is the most that a fault plan fills the memory to.
	maxMemoryPercent = 95
	// memorySpeed is how fast memory is filled on a slow laptop, in bytes per
	// second.
	memorySpeed = 1 << 30
)

// memoryGoal returns how far to fill the memory, in per cent.
func (r rules) memoryGoal() float64 { return min(r.MemoryPercent+2, maxMemoryPercent) }

// fitCPU burns all CPU that the server may use, if that is enough for the alert.
func (r rules) fitCPU(site Site) Attempt {
	if most := 100 * float64(site.Processors) / float64(max(site.CPUs, 1)); most < r.CPUPercent+5 && most < 100 {
		return Attempt{Cannot: fmt.Sprintf("The server uses %d of %d processors (GOMAXPROCS), which is not enough for %s %%. "+
			"Start it without that limit, or with --alert-cpu-percent %.0f.", site.Processors, site.CPUs, number(r.CPUPercent), max(most-10, 1))}
	}
	return Attempt{}
}

// fitQueue makes orders wait for a slow database, if there are enough buyers. Each
// buyer waits for a response before the next order, so on average one of 20 demo
// users is in the queue.
func (r rules) fitQueue(site Site) Attempt {
	const usersPerOrder = 20
	if wanted := r.QueueShare * float64(site.QueueLimit); float64(site.Users) < wanted*usersPerOrder {
		return Attempt{Cannot: fmt.Sprintf("The queue holds %d orders, and the alert fires when more than %.0f wait. "+
			"Of %d demo users, about %d wait. Use a short queue and more demo users: --queue-limit 8 --crowd 200.",
			site.QueueLimit, math.Ceil(wanted), site.Users, site.Users/usersPerOrder)}
	}
	return Attempt{}
}

// fitBurst shortens the faults of a slow burn. The fast burn, which suppresses its
// notification, then ends soon. The faults still last long enough to be share of
// the events in the long window.
func (r rules) fitBurst(b burn, limit, share float64, faults string) func(Site) Attempt {
	return func(site Site) Attempt {
		seen := min(site.Watched+r.Scale(time.Minute), r.Scale(b.long))
		lasts := time.Duration(1.3 * limit / share * float64(seen))
		lasts = max(lasts, r.Scale(96*time.Second)).Round(time.Second)
		ends := r.Scale(2 * time.Minute) // until the fast burn resolves after the faults
		return Attempt{
			Faults: fmt.Sprintf(faults, lasts), Within: lasts + ends,
			Slow: fmt.Sprintf("The alert covers the last %s, so the faults must outweigh all successful calls of that time. It is quicker in the first minutes after the start.",
				span(r.Scale(b.long))),
		}
	}
}

// bytesText formats a size for people.
func bytesText(bytes uint64) string {
	if bytes >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
