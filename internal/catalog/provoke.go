package catalog

import (
	"fmt"
	"math"
	"time"
)

// Traffic is which calls a provocation needs, for shares are judged of calls.
type Traffic int

// The kinds of traffic that the demo crowd makes.
const (
	AnyTraffic Traffic = iota
	// Browsing is GET /concerts, Buying POST /buy, and Collecting the item calls.
	Browsing
	Buying
	Collecting
)

// Provocation is what makes an alert fire, for runbooks, buttons and drills.
type Provocation struct {
	// Faults is a patch for PATCH /faults, JSON, or empty.
	Faults string
	// Also says in a sentence what else it takes, or what to do where no fault
	// can provoke the alert.
	Also string
	// Fires are the other alerts that the faults make fire.
	Fires []string
	// Needs is the traffic that the faults strike.
	Needs Traffic
	// Fit makes an attempt of the provocation for a site; nil where the faults fit
	// everywhere.
	Fit func(Site) Attempt
}

// Site is where an alert is to be provoked: what a server knows of itself.
type Site struct {
	// CPUs is how many the machine or the container has, and Processors how many of
	// them the server uses.
	CPUs, Processors int
	// MemoryUsed and MemoryTotal are of the machine or the container, in bytes, and
	// MemoryReserve is what the server leaves free, whatever the plan says.
	MemoryUsed, MemoryTotal, MemoryReserve uint64
	// QueueLimit is how many orders may wait.
	QueueLimit int
	// Users is the size of the demo crowd, and Items and RandomDeny say that all of
	// them use items, or that they buy at /buy_random_deny.
	Users             int
	Items, RandomDeny bool
	// Watched is for how long there has been something to see.
	Watched time.Duration
}

// Attempt is a provocation at a site.
type Attempt struct {
	// Faults is the patch for PATCH /faults; empty if the alert cannot be provoked.
	Faults string
	// Within is how long it takes until the alert fires, at most, and Slow says what
	// takes that long and what would be quicker; it may be empty.
	Within time.Duration
	Slow   string
	// Cannot says why the alert cannot be provoked here, and what would do it.
	Cannot string
}

// usual is how long an alert takes to fire, at most, at the real pace. At the demo
// pace it is 30 s.
const usual = 6 * time.Minute

// Provoked returns how to provoke the alert at a site, at the pace that the alert
// was made for.
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

// onlyFixed is the patch that makes a delay a fixed one, of whatever kind it was
// before: a plan with a delay of two kinds is refused.
func onlyFixed(delay string) string {
	return fmt.Sprintf(`{"fixed":%q,"uniform":null,"lognormal":null}`, delay)
}

// missing says which traffic there is too little of, or nothing. Of ten users of
// the crowd eight browse and buy, and two use items.
func (t Traffic) missing(site Site) string {
	const (
		fewBrowsing = 2 // users who make more calls than the alerts' minimum
		fewOthers   = 8
	)
	switch {
	case t == AnyTraffic:
		return ""
	case (t == Browsing || t == Buying) && site.Items:
		return "The demo crowd uses items alone, and this needs buyers: set its scenario to tickets."
	case t == Buying && site.RandomDeny:
		return "The demo crowd buys at /buy_random_deny, and this strikes /buy: set its scenario to tickets."
	case site.Users < fewBrowsing, t != Browsing && !site.Items && site.Users < fewOthers:
		return fmt.Sprintf("A demo crowd of %d makes too few calls to judge: set it to 25.", site.Users)
	}
	return ""
}

// fitMemory fills the memory to a little above the alert's threshold, if enough
// stays free.
func (r rules) fitMemory(site Site) Attempt {
	if site.MemoryTotal == 0 {
		return Attempt{Cannot: "How much memory is used cannot be read here. On Linux it can."}
	}
	const margin = 1 // per cent
	reachable := 100 * (1 - float64(site.MemoryReserve)/float64(site.MemoryTotal))
	reachable = math.Floor(min(reachable, maxMemoryPercent)) - margin
	if r.MemoryPercent > reachable {
		return Attempt{Cannot: fmt.Sprintf("The alert wants %s %% of %s to be in use, and %s must stay free, or the system ends a process. "+
			"A lower threshold would do: --alert-memory-percent %.0f.",
			number(r.MemoryPercent), bytesText(site.MemoryTotal), bytesText(site.MemoryReserve), max(reachable, 1))}
	}
	missing := max(r.memoryGoal()/100*float64(site.MemoryTotal)-float64(site.MemoryUsed), 0)
	return Attempt{
		Within: r.Scale(3*time.Minute) + time.Duration(missing/memorySpeed*float64(time.Second)),
		Slow: fmt.Sprintf("%s of memory must be filled first. A lower threshold is reached sooner: --alert-memory-percent %.0f.",
			bytesText(uint64(missing)), max(100*float64(site.MemoryUsed)/float64(site.MemoryTotal)+10, 1)),
	}
}

const (
	// maxMemoryPercent is the most that a fault plan fills the memory to.
	maxMemoryPercent = 95
	// memorySpeed is how fast memory is taken, in bytes per second, on a slow laptop.
	memorySpeed = 1 << 30
)

// memoryGoal is how full the memory is to be, in per cent.
func (r rules) memoryGoal() float64 { return min(r.MemoryPercent+2, maxMemoryPercent) }

// fitCPU burns what the server may use of the processors, if that is enough.
func (r rules) fitCPU(site Site) Attempt {
	if most := 100 * float64(site.Processors) / float64(max(site.CPUs, 1)); most < r.CPUPercent+5 && most < 100 {
		return Attempt{Cannot: fmt.Sprintf("The server uses %d of %d processors (GOMAXPROCS), which is too little for %s %%. "+
			"Start it without that limit, or with --alert-cpu-percent %.0f.", site.Processors, site.CPUs, number(r.CPUPercent), max(most-10, 1))}
	}
	return Attempt{}
}

// fitQueue lets orders wait for a slow database, if there are enough buyers. Each
// waits for its answer before it comes again, so that of 20 users of the crowd
// one is in the queue, on average.
func (r rules) fitQueue(site Site) Attempt {
	const usersPerOrder = 20
	if wanted := r.QueueShare * float64(site.QueueLimit); float64(site.Users) < wanted*usersPerOrder {
		return Attempt{Cannot: fmt.Sprintf("The queue holds %d orders, and the alert wants more than %.0f to wait; "+
			"a demo crowd of %d has some %d waiting. A short queue and a large crowd would do: --queue-limit 8 --crowd 200.",
			site.QueueLimit, math.Ceil(wanted), site.Users, site.Users/usersPerOrder)}
	}
	return Attempt{}
}

// fitBurst makes a slow burn's faults so short that the fast burn, which holds its
// message back, ends before long; and so long that they are share of the events of
// the long window.
func (r rules) fitBurst(b burn, limit, share float64, faults string) func(Site) Attempt {
	return func(site Site) Attempt {
		seen := min(site.Watched+r.Scale(time.Minute), r.Scale(b.long))
		lasts := time.Duration(1.3 * limit / share * float64(seen))
		lasts = max(lasts, r.Scale(96*time.Second)).Round(time.Second)
		ends := r.Scale(2 * time.Minute) // the fast burn, once all is well again
		return Attempt{
			Faults: fmt.Sprintf(faults, lasts), Within: lasts + ends,
			Slow: fmt.Sprintf("The alert judges the last %s, and all that went well there must be outweighed. It is quicker in the first minutes after the start.",
				span(r.Scale(b.long))),
		}
	}
}

// bytesText writes a size for people.
func bytesText(bytes uint64) string {
	if bytes >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
