package fault

import (
	"strconv"
	"time"
)

// Plan describes the faults to inject. The zero plan injects nothing. For the JSON
// format, see [Parse].
type Plan struct {
	// Seed is the random seed, at most [MaxSeed]; 0 picks a new one each time.
	Seed uint64
	// Routes are the faults of calls by path. A path is one of [Routes], and all
	// its methods share the faults.
	Routes map[string]RouteFaults
	// Database are the faults of database transactions.
	Database DatabaseFaults
	CPU      CPUBurn
	Memory   Ballast
	// Crash ends the process.
	Crash Crash
	// NotReady makes the service report that it is not ready, although it can sell.
	NotReady Switch
	// ScrapeOutage makes the metrics unavailable to scrapes.
	ScrapeOutage Switch
}

// RouteFaults are the faults of one route. Shares are 0 to 1 of the route's calls.
// They are independent of each other, and are checked in the order deny, error,
// reset, hang.
type RouteFaults struct {
	// Delay is the wait before the call is handled.
	Delay Delay
	// Deny is the share of calls that are denied immediately. Only purchases can be
	// denied.
	Deny float64
	// Error is the share of calls that fail immediately.
	Error float64
	// Reset is the share of calls whose connection is reset immediately.
	Reset float64
	// Hang is the share of calls that get no response until the caller gives up,
	// the fault ends, a plan changes the fault, or [MaxHang] is over.
	Hang float64
	// For is the duration of the faults since the plan was set; 0 means no end.
	For time.Duration
	// Own are the durations of single faults that differ from For.
	Own RouteTimes
}

// RouteTimes are the durations of single faults of a route; 0 means
// [RouteFaults.For].
type RouteTimes struct{ Delay, Deny, Error, Reset, Hang time.Duration }

// DatabaseFaults are the faults of database transactions.
type DatabaseFaults struct {
	// Delay is the wait before the transaction begins.
	Delay Delay
	// Error is the share of transactions that fail, 0 to 1.
	Error float64
	// For is the duration of the faults since the plan was set; 0 means no end.
	For time.Duration
	// Own are the durations of single faults that differ from For.
	Own DatabaseTimes
}

// DatabaseTimes are the durations of single faults of the database; 0 means
// [DatabaseFaults.For].
type DatabaseTimes struct{ Delay, Error time.Duration }

// CPUBurn keeps the CPU busy.
type CPUBurn struct {
	// Share is the busy share of every core, 0 to 1.
	Share float64
	// For is the duration since the plan was set; 0 means no end.
	For time.Duration
}

// Ballast is memory that is allocated and not used. One of Bytes and Percent is
// set.
type Ballast struct {
	// Bytes is the size. Each replica holds at most a quarter of its memory limit.
	Bytes uint64
	// Percent is the target for the memory usage of the machine or container, 0 to
	// [MaxMemoryPercent]. Each replica allocates the missing memory and releases
	// what other processes need. [MemoryReserve] always stays free.
	Percent float64
	// For is the duration since the plan was set; 0 means no end.
	For time.Duration
}

// Switch is a fault that is on or off.
type Switch struct {
	On bool
	// For is the duration since the plan was set; 0 means no end.
	For time.Duration
}

// Crash ends each process that runs when the fault is set, once. It does not affect
// processes that start later, including restarted ones.
type Crash struct {
	On bool
	// After is the time between setting the fault and the crash, 0 to [MaxFor].
	After time.Duration
}

// CrashGrace is how late a replica may still crash. A replica can read the plan
// late if its store did not respond.
const CrashGrace = 10 * time.Second

// Off returns the plan that injects nothing.
func Off() Plan { return Plan{} }

// Default returns the behaviour of the earlier services: a payment step of 1 to 4 s
// before each purchase, 99 of 1000 purchases denied at /buy_random_deny, and a
// delay of 0.1 to 0.5 s for creating an item.
func Default() Plan {
	payment := Delay{Uniform: Range{Min: time.Second, Max: 4 * time.Second}}
	return Plan{Routes: map[string]RouteFaults{
		routeBuy:     {Delay: payment},
		routeBuyDeny: {Delay: payment, Deny: 0.099},
		routeItems:   {Delay: Delay{Uniform: Range{Min: 100 * time.Millisecond, Max: 500 * time.Millisecond}}},
	}}
}

// Routes with special faults: purchases can be denied, and the default plan delays
// the creation of items.
const (
	routeBuy     = "/buy/{concert_id}"
	routeBuyDeny = "/buy_random_deny/{concert_id}"
	routeItems   = "/api/items"
)

// Routes returns the sorted paths that can have faults. Probes, metrics, the fault
// controls and the documentation cannot.
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

// percent returns the name and a share in per cent, or an empty text for 0.
func percent(name string, share float64) string {
	if share == 0 {
		return ""
	}
	return name + " " + strconv.FormatFloat(share*100, 'g', 4, 64) + " %"
}
