package fault

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// part is one fault of a plan: the smallest unit with its own duration, which a
// patch can change separately.
type part struct {
	// field is the path in the plan, such as routes["/concerts"].deny.
	field string
	// of is what it affects, such as a route's path, and words describes the
	// effect.
	of, words string
	kind      kind
	// lasts is its duration; 0 means no end.
	lasts time.Duration

	on    bool
	own   *time.Duration // the field for its own duration; nil if it has only one
	clear func()
}

// parts returns the faults of the plan that are set, in the order of
// [Plan.Summary].
func (p Plan) parts() []part {
	var all []part
	for _, path := range slices.Sorted(maps.Keys(p.Routes)) {
		r := p.Routes[path]
		all = append(all, r.parts(path)...)
	}
	all = append(all, p.Database.parts()...)
	return append(all, p.others()...)
}

// others returns the faults that are set, other than those of routes and the
// database.
func (p *Plan) others() []part {
	return on([]part{
		{field: "cpu", of: "cpu", words: percent("burn", p.CPU.Share), kind: kindCPU, lasts: p.CPU.For, on: p.CPU.Share > 0, clear: func() { p.CPU = CPUBurn{} }},
		{field: "memory", of: "memory", words: p.Memory.words(), kind: kindMemory, lasts: p.Memory.For, on: p.Memory.words() != "", clear: func() { p.Memory = Ballast{} }},
		{field: "ready", of: "not ready", kind: kindNotReady, lasts: p.NotReady.For, on: p.NotReady.On, clear: func() { p.NotReady = Switch{} }},
		{field: "scrape_outage", of: "scrape outage", kind: kindScrapeOutage, lasts: p.ScrapeOutage.For, on: p.ScrapeOutage.On, clear: func() { p.ScrapeOutage = Switch{} }},
		{field: "crash", of: "crash", words: p.Crash.words(), kind: kindCrash, lasts: p.Crash.After + CrashGrace, on: p.Crash.On, clear: func() { p.Crash = Crash{} }},
	})
}

// parts returns the faults of a route that are set.
func (r *RouteFaults) parts(path string) []part {
	field := member("routes", path)
	return timed(r.For, []part{
		{field: field + ".delay", of: path, words: r.Delay.words("delay"), kind: kindDelay, on: r.Delay != Delay{}, own: &r.Own.Delay, clear: func() { r.Delay = Delay{} }},
		{field: field + ".deny", of: path, words: percent("deny", r.Deny), kind: kindDeny, on: r.Deny > 0, own: &r.Own.Deny, clear: func() { r.Deny = 0 }},
		{field: field + ".error", of: path, words: percent("error", r.Error), kind: kindError, on: r.Error > 0, own: &r.Own.Error, clear: func() { r.Error = 0 }},
		{field: field + ".reset", of: path, words: percent("reset", r.Reset), kind: kindReset, on: r.Reset > 0, own: &r.Own.Reset, clear: func() { r.Reset = 0 }},
		{field: field + ".hang", of: path, words: percent("hang", r.Hang), kind: kindHang, on: r.Hang > 0, own: &r.Own.Hang, clear: func() { r.Hang = 0 }},
	})
}

// parts returns the faults of the database that are set.
func (d *DatabaseFaults) parts() []part {
	return timed(d.For, []part{
		{field: "database.delay", of: "database", words: d.Delay.words("delay"), kind: kindDatabaseDelay, on: d.Delay != Delay{}, own: &d.Own.Delay, clear: func() { d.Delay = Delay{} }},
		{field: "database.error", of: "database", words: percent("error", d.Error), kind: kindDatabaseError, on: d.Error > 0, own: &d.Own.Error, clear: func() { d.Error = 0 }},
	})
}

// timed sets the duration of each fault: its own, or the shared one.
func timed(shared time.Duration, all []part) []part {
	for i := range all {
		all[i].lasts = *all[i].own
		if all[i].lasts == 0 {
			all[i].lasts = shared
		}
		if !all[i].on {
			*all[i].own = 0 // a fault that is not set has no duration
		}
	}
	return on(all)
}

func on(all []part) []part {
	return slices.DeleteFunc(all, func(f part) bool { return !f.on })
}

// oneTime normalises the durations of faults. If all are the same, it returns that
// duration and clears the faults' own ones. Otherwise it returns 0, and each fault
// has its own.
func oneTime(all []part) (shared time.Duration) {
	if len(all) == 0 {
		return 0
	}
	same := !slices.ContainsFunc(all, func(f part) bool { return f.lasts != all[0].lasts })
	for _, f := range all {
		*f.own = f.lasts
		if same {
			*f.own = 0
		}
	}
	if same {
		return all[0].lasts
	}
	return 0
}

// normal returns a copy of the plan without faults that have no effect: those with
// share, delay or size 0, and their durations. Two plans with the same effect have
// the same normal form.
func (p Plan) normal() Plan { return p.rework(func(*part) bool { return true }) }

// rework returns a copy of the plan in its normal form. It keeps only the faults
// for which change returns true. For routes and the database, change can also set
// the durations.
func (p Plan) rework(change func(*part) bool) Plan {
	plan := p
	plan.Routes = nil
	keep := func(all []part) (kept []part) {
		for _, f := range all {
			if change(&f) {
				kept = append(kept, f)
			} else {
				f.clear()
				if f.own != nil {
					*f.own = 0
				}
			}
		}
		return kept
	}
	for path, r := range p.Routes {
		if r.For = oneTime(keep(r.parts(path))); (r == RouteFaults{}) {
			continue
		}
		if plan.Routes == nil {
			plan.Routes = make(map[string]RouteFaults, len(p.Routes))
		}
		plan.Routes[path] = r
	}
	plan.Database.For = oneTime(keep(plan.Database.parts()))
	keep(plan.others())
	if plan.CPU.Share == 0 {
		plan.CPU = CPUBurn{}
	}
	if plan.Memory.words() == "" {
		plan.Memory = Ballast{}
	}
	if !plan.NotReady.On {
		plan.NotReady = Switch{}
	}
	if !plan.ScrapeOutage.On {
		plan.ScrapeOutage = Switch{}
	}
	if !plan.Crash.On {
		plan.Crash = Crash{}
	}
	return plan
}

// Summary describes the faults of the plan in one line.
func (p Plan) Summary() string {
	faults := p.parts()
	if len(faults) == 0 {
		return "no faults: this sells for real"
	}
	var clauses []string
	for len(faults) > 0 {
		n := 1
		for n < len(faults) && faults[n].of == faults[0].of {
			n++
		}
		clauses = append(clauses, clause(faults[:n]))
		faults = faults[n:]
	}
	return "faults on: " + strings.Join(clauses, "; ")
}

// clause describes the faults of one subject and their durations.
func clause(faults []part) string {
	same := !slices.ContainsFunc(faults, func(f part) bool { return f.lasts != faults[0].lasts })
	words := make([]string, 0, len(faults))
	for _, f := range faults {
		if !same {
			f.words += forTime(f)
		}
		words = append(words, f.words)
	}
	text := strings.TrimSpace(faults[0].of + " " + strings.Join(words, ", "))
	if same {
		text += forTime(faults[0])
	}
	return text
}

// forTime describes the duration of a fault. It returns an empty text for a fault
// without end and for a crash.
func forTime(f part) string {
	if f.lasts == 0 || f.kind == kindCrash {
		return ""
	}
	return " for " + f.lasts.String()
}

func (b Ballast) words() string {
	var words []string
	if b.Bytes > 0 {
		words = append(words, fmt.Sprintf("ballast of %d bytes", b.Bytes))
	}
	if b.Percent > 0 {
		words = append(words, fmt.Sprintf("filled to %g %%", b.Percent))
	}
	return strings.Join(words, ", ")
}

func (c Crash) words() string {
	if c.After == 0 {
		return "immediately"
	}
	return "after " + c.After.String()
}
