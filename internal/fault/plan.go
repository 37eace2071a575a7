package fault

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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
}

// DatabaseFaults are the faults of database transactions.
type DatabaseFaults struct {
	// Delay is waited out before the transaction begins.
	Delay Delay
	// Error is the share of transactions that fail, 0 to 1.
	Error float64
	// For is how long the faults last from when the plan was set; 0 is without end.
	For time.Duration
}

// CPUBurn keeps the processor busy.
type CPUBurn struct {
	// Share is the share of every core that is burnt, 0 to 1.
	Share float64
	// For is how long the burn lasts from when the plan was set; 0 is without end.
	For time.Duration
}

// Ballast is memory that is held for nothing.
type Ballast struct {
	// Bytes is how much; each replica holds at most a quarter of its memory limit.
	Bytes uint64
	// For is how long it is held from when the plan was set; 0 is without end.
	For time.Duration
}

// Switch is a fault that is on or off.
type Switch struct {
	On bool
	// For is how long it stays on from when the plan was set; 0 is without end.
	For time.Duration
}

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

// Summary says in one line which faults are on.
func (p Plan) Summary() string {
	plan := p.normal()
	var faults []string
	for _, route := range slices.Sorted(maps.Keys(plan.Routes)) {
		r := plan.Routes[route]
		faults = append(faults, clause(route, r.For, r.Delay.words("delay"), percent("deny", r.Deny),
			percent("error", r.Error), percent("reset", r.Reset), percent("hang", r.Hang)))
	}
	if d := plan.Database; d != (DatabaseFaults{}) {
		faults = append(faults, clause("database", d.For, d.Delay.words("delay"), percent("error", d.Error)))
	}
	if plan.CPU.Share > 0 {
		faults = append(faults, clause("cpu", plan.CPU.For, percent("burn", plan.CPU.Share)))
	}
	if plan.Memory.Bytes > 0 {
		faults = append(faults, clause("memory", plan.Memory.For, fmt.Sprintf("ballast of %d bytes", plan.Memory.Bytes)))
	}
	if plan.NotReady.On {
		faults = append(faults, clause("not ready", plan.NotReady.For))
	}
	if plan.ScrapeOutage.On {
		faults = append(faults, clause("scrape outage", plan.ScrapeOutage.For))
	}
	if len(faults) == 0 {
		return "no faults: this sells for real"
	}
	return "faults on: " + strings.Join(faults, "; ")
}

// clause joins the parts that say something, and the time they last, to one subject.
func clause(subject string, lasts time.Duration, parts ...string) string {
	said := slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	text := strings.TrimSpace(subject + " " + strings.Join(said, ", "))
	if lasts > 0 {
		text += " for " + lasts.String()
	}
	return text
}

// percent names a share in per cent, or says nothing of none.
func percent(name string, share float64) string {
	if share == 0 {
		return ""
	}
	return name + " " + strconv.FormatFloat(share*100, 'g', 4, 64) + " %"
}

// normal returns a copy of the plan without what injects nothing: faults of
// share, delay or size 0, and the time that they would last. Two plans that do
// the same have the same normal form.
func (p Plan) normal() Plan {
	plan := p
	plan.Routes = nil
	for path, r := range p.Routes {
		if (r == RouteFaults{For: r.For}) {
			continue
		}
		if plan.Routes == nil {
			plan.Routes = make(map[string]RouteFaults, len(p.Routes))
		}
		plan.Routes[path] = r
	}
	if (p.Database == DatabaseFaults{For: p.Database.For}) {
		plan.Database = DatabaseFaults{}
	}
	if p.CPU.Share == 0 {
		plan.CPU = CPUBurn{}
	}
	if p.Memory.Bytes == 0 {
		plan.Memory = Ballast{}
	}
	if !p.NotReady.On {
		plan.NotReady = Switch{}
	}
	if !p.ScrapeOutage.On {
		plan.ScrapeOutage = Switch{}
	}
	return plan
}
