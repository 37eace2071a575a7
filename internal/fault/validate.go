package fault

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a plan.
const (
	// MaxDelay is the maximum delay. No client waits longer for a response, and
	// every waiting call holds a connection.
	MaxDelay = 10 * time.Minute
	// MaxHang is the maximum time that a call hangs if its caller does not give up.
	MaxHang = 5 * time.Minute
	// MaxFor is the maximum duration of a fault. For a longer time, leave out the
	// duration.
	MaxFor = 24 * time.Hour
	// MaxSeed is the maximum seed: the largest integer that every JSON parser reads
	// exactly (RFC 8259, section 6).
	MaxSeed = 1<<53 - 1
	// MaxBallast is the maximum size of a ballast in bytes: 1 TiB, more than a
	// replica has. The replica's memory limits it further.
	MaxBallast = 1 << 40
	// MaxMemoryPercent is the maximum target for memory usage. If the system runs
	// out of memory, it kills a process.
	MaxMemoryPercent = 95
)

// PlanError is the error for a plan that breaks a rule.
type PlanError struct {
	// Field is the field's path, such as routes["/concerts"].delay.uniform[0];
	// empty for the plan as a whole.
	Field string
	// Rule is the rule, to follow the path in a message: "must be …".
	Rule string
	// Err is [ErrMalformed] if the plan is not valid JSON, otherwise nil.
	Err error
}

// Error returns field and rule.
func (e *PlanError) Error() string {
	if e.Field == "" {
		return "plan " + e.Rule
	}
	return e.Field + " " + e.Rule
}

// Unwrap returns [ErrMalformed] if the plan is not valid JSON, otherwise nil.
func (e *PlanError) Unwrap() error { return e.Err }

// Validate returns a [*PlanError] for the first rule that the plan breaks.
func (p Plan) Validate() error {
	if p.Seed > MaxSeed {
		return &PlanError{Field: "seed", Rule: fmt.Sprintf("must be at most %d", uint64(MaxSeed))}
	}
	known := Routes()
	for _, path := range slices.Sorted(maps.Keys(p.Routes)) {
		field := member("routes", path)
		if !slices.Contains(known, path) {
			return &PlanError{Field: field, Rule: "is not a route that can have faults; those routes are " + strings.Join(known, ", ")}
		}
		if err := p.Routes[path].validate(field, path); err != nil {
			return err
		}
	}
	if p.Memory.Bytes > MaxBallast {
		return &PlanError{Field: "memory.bytes", Rule: fmt.Sprintf("must be at most %d", uint64(MaxBallast))}
	}
	return firstError(
		p.Database.Delay.validate("database.delay"),
		checkShare("database.error", p.Database.Error),
		checkFor("database.for", p.Database.For),
		checkFor("database.delay.for", p.Database.Own.Delay),
		checkFor("database.error.for", p.Database.Own.Error),
		checkShare("cpu.share", p.CPU.Share),
		checkFor("cpu.for", p.CPU.For),
		checkPercent("memory.percent", p.Memory.Percent),
		checkFor("memory.for", p.Memory.For),
		checkFor("ready.for", p.NotReady.For),
		checkFor("scrape_outage.for", p.ScrapeOutage.For),
		checkAfter("crash.after", p.Crash.After),
	)
}

// validate checks the faults of one route.
func (r RouteFaults) validate(field, path string) error {
	if r.Deny != 0 && path != routeBuy && path != routeBuyDeny {
		return &PlanError{Field: field + ".deny", Rule: "must be 0: only " + routeBuy + " and " + routeBuyDeny + " can be denied"}
	}
	return firstError(
		r.Delay.validate(field+".delay"),
		checkShare(field+".deny", r.Deny),
		checkShare(field+".error", r.Error),
		checkShare(field+".reset", r.Reset),
		checkShare(field+".hang", r.Hang),
		checkFor(field+".for", r.For),
		checkFor(field+".delay.for", r.Own.Delay),
		checkFor(field+".deny.for", r.Own.Deny),
		checkFor(field+".error.for", r.Own.Error),
		checkFor(field+".reset.for", r.Own.Reset),
		checkFor(field+".hang.for", r.Own.Hang),
	)
}

// validate checks one delay.
func (d Delay) validate(field string) error {
	kinds := 0
	for _, set := range []bool{d.Fixed != 0, d.Uniform != Range{}, d.LogNormal != LogNormal{}} {
		if set {
			kinds++
		}
	}
	if kinds > 1 {
		return &PlanError{Field: field, Rule: oneDelay}
	}
	if err := firstError(
		checkDelay(field+".fixed", d.Fixed),
		checkDelay(field+".uniform[0]", d.Uniform.Min),
		checkDelay(field+".uniform[1]", d.Uniform.Max),
		checkDelay(field+".lognormal.median", d.LogNormal.Median),
		checkDelay(field+".lognormal.p99", d.LogNormal.P99),
	); err != nil {
		return err
	}
	if d.Uniform.Min > d.Uniform.Max {
		return &PlanError{Field: field + ".uniform", Rule: "must have the shorter delay first"}
	}
	if d.LogNormal != (LogNormal{}) && d.LogNormal.Median == 0 {
		return &PlanError{Field: field + ".lognormal.median", Rule: "must be more than 0s"}
	}
	if d.LogNormal.P99 < d.LogNormal.Median {
		return &PlanError{Field: field + ".lognormal.p99", Rule: "must not be shorter than the median"}
	}
	return nil
}

// oneDelay is the rule that a delay has only one distribution.
const oneDelay = "must have only one of fixed, uniform and lognormal"

// checkShare accepts 0 to 1, and rejects NaN.
func checkShare(field string, share float64) error {
	if share >= 0 && share <= 1 {
		return nil
	}
	return &PlanError{Field: field, Rule: "must be between 0 and 1"}
}

func checkDelay(field string, d time.Duration) error {
	if d >= 0 && d <= MaxDelay {
		return nil
	}
	return &PlanError{Field: field, Rule: "must be between 0s and " + MaxDelay.String()}
}

// checkFor also accepts 0, which means no end.
func checkFor(field string, d time.Duration) error {
	if d >= 0 && d <= MaxFor {
		return nil
	}
	return &PlanError{Field: field, Rule: forRule}
}

func checkPercent(field string, percent float64) error {
	if percent >= 0 && percent <= MaxMemoryPercent {
		return nil
	}
	return &PlanError{Field: field, Rule: fmt.Sprintf("must be between 0 and %d", MaxMemoryPercent)}
}

func checkAfter(field string, d time.Duration) error {
	if d >= 0 && d <= MaxFor {
		return nil
	}
	return &PlanError{Field: field, Rule: "must be between 0s and " + MaxFor.String()}
}

// forRule is the rule for every field with the name for.
const forRule = "must be more than 0s and at most 24h0m0s; without it, the fault has no end"

// firstError returns the first error that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// member returns the path of a member of an object. It shortens long names and
// quotes names with special characters, because they are user input.
func member(parent, name string) string {
	const longest = 64 // characters; all known names are shorter
	if runes := []rune(name); len(runes) > longest {
		name = string(runes[:longest]) + "…"
	}
	plain := func(r rune) bool { return r == '_' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' }
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return parent + "[" + strconv.Quote(name) + "]"
	}
	if parent == "" {
		return name
	}
	return parent + "." + name
}
