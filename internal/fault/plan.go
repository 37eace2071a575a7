package fault

import (
	"strconv"
	"time"
)

// Plan says what goes wrong on purpose. The zero plan injects nothing. How it
// is written in JSON is told at [Parse].
type Plan struct {
	// Seed makes the dice repeatable, 0 to [MaxSeed]; with 0 they are not.
	Seed uint64
	// Routes holds the faults of calls, by the route's path, one of [Routes].
	// All methods of a path share them.
	Routes map[string]RouteFaults
	// Database holds the faults of database transactions.
	Database DatabaseFaults
	CPU      CPUBurn
	Memory   Ballast
	// Crash ends the process.
	Crash Crash
	// NotReady makes the service say that it is not ready, though it could sell.
	NotReady Switch
	// ScrapeOutage makes the metrics unavailable to whoever scrapes them.
	ScrapeOutage Switch
}

// RouteFaults are the faults of one route. Shares are of the route's calls, 0
// to 1; each is diced for independently, in the order deny, error, reset, hang.
type RouteFaults struct {
	// Delay is waited out before the call is handled.
	Delay Delay
	// Deny is the share that is denied at once. Only purchases can be.
	Deny float64
	// Error is the share that fails at once.
	Error float64
	// Reset is the share whose connection is reset at once.
	Reset float64
	// Hang is the share that gets no answer until the caller gives up, the fault
	// ends, another plan is set, or [MaxHang] is over.
	Hang float64
	// For is how long the faults last from when the plan was set; 0 is without end.
	For time.Duration
	// Own are the times of single faults that do not last for For.
	Own RouteTimes
}

// RouteTimes say how long single faults of a route last; 0 is for [RouteFaults.For].
type RouteTimes struct{ Delay, Deny, Error, Reset, Hang time.Duration }

// DatabaseFaults are the faults of database transactions.
type DatabaseFaults struct {
	// Delay is waited out before the transaction begins.
	Delay Delay
	// Error is the share of transactions that fail, 0 to 1.
	Error float64
	// For is how long the faults last from when the plan was set; 0 is without end.
	For time.Duration
	// Own are the times of single faults that do not last for For.
	Own DatabaseTimes
}

// DatabaseTimes say how long single faults of the database last; 0 is for
// [DatabaseFaults.For].
type DatabaseTimes struct{ Delay, Error time.Duration }

// CPUBurn keeps the processor busy.
type CPUBurn struct {
	// Share is the share of every core that is burnt, 0 to 1.
	Share float64
	// For is how long the burn lasts from when the plan was set; 0 is without end.
	For time.Duration
}

// Ballast is memory that is held for nothing. One of Bytes and Percent is set.
type Ballast struct {
	// Bytes is how much; each replica holds at most a quarter of its memory limit.
	Bytes uint64
	// Percent is how full the memory of the machine or container is to be, 0 to
	// [MaxMemoryPercent]. Each replica holds what is missing, and gives back what
	// others need, so that [MemoryReserve] always stays free.
	Percent float64
	// For is how long it is held from when the plan was set; 0 is without end.
	For time.Duration
}

// Switch is a fault that is on or off.
type Switch struct {
	On bool
	// For is how long it stays on from when the plan was set; 0 is without end.
	For time.Duration
}

// Crash ends each process that runs when the fault is set, once. A process that
// starts afterwards, the same one anew among them, is spared.
type Crash struct {
	On bool
	// After is the time from when the fault was set to the crash, 0 to [MaxFor].
	After time.Duration
}

// CrashGrace is for how long after its time a crash still strikes a replica that
// learns of it late, because its store did not answer.
const CrashGrace = 10 * time.Second

// Off returns the plan that injects nothing.
func Off() Plan { return Plan{} }

// Default returns the plan of the earlier services: a payment step of 1 to 4 s
// before each purchase, 99 in 1000 purchases denied on the route that is named
// for it, and 0.1 to 0.5 s to create an item.
func Default() Plan {
	payment := Delay{Uniform: Range{Min: time.Second, Max: 4 * time.Second}}
	return Plan{Routes: map[string]RouteFaults{
		routeBuy:     {Delay: payment},
		routeBuyDeny: {Delay: payment, Deny: 0.099},
		routeItems:   {Delay: Delay{Uniform: Range{Min: 100 * time.Millisecond, Max: 500 * time.Millisecond}}},
	}}
}

// The routes whose faults are special: purchases, which can be denied, and the
// creation of items, which the default plan delays.
const (
	routeBuy     = "/buy/{concert_id}"
	routeBuyDeny = "/buy_random_deny/{concert_id}"
	routeItems   = "/api/items"
)

// Routes returns the paths that may have faults, sorted. Probes, metrics, the
// fault controls and the documentation may not.
func Routes() []string {
	return []string{
		routeItems,
		"/api/items/{item_id}",
		"/api/token",
		"/books",
		routeBuy,
		routeBuyDeny,
		"/concerts",
		"/concerts/new",
		"/concerts/{id}",
		"/purchases",
		"/purchases/{id}",
	}
}

// percent names a share in per cent, or says nothing of none.
func percent(name string, share float64) string {
	if share == 0 {
		return ""
	}
	return name + " " + strconv.FormatFloat(share*100, 'g', 4, 64) + " %"
}
