package catalog

import (
	"fmt"
	"strings"
	"time"
)

// The series from which burn rates are read, each with the label slo. The shares
// over long windows are made of the rates over a minute: that costs a few
// series, and not all those of the calls over an hour and a half.
const (
	sloEvents = "job_slo:events:rate1m"
	sloErrors = "job_slo:errors:rate1m"
	sloRatio  = "job_slo:errors:ratio_rate"
)

// burn is a speed at which the error budget is used up, and how it is noticed:
// the share over the long window says that it matters, that over the short one
// that it still goes on. At factor 1 the budget lasts for just the period.
type burn struct {
	suffix      string
	severity    Severity
	factor      float64
	long, short time.Duration
}

// burns are the two speeds: one at which the week's budget is gone within half
// a day, which spends some 2 % of it before it is told, and one at which it is
// gone in a good day, and some 5 % spent.
func burns() []burn {
	return []burn{
		{suffix: "Fast", severity: Critical, factor: 14.4, long: 15 * time.Minute, short: time.Minute},
		{suffix: "Slow", severity: Warning, factor: 6, long: 90 * time.Minute, short: 10 * time.Minute},
	}
}

// burnWait is for how long a burn must last before it is told. The windows are
// what keeps a short one silent.
const burnWait = 12 * time.Second

// objectives are the recordings that the burn rates are read from.
func (r rules) objectives() []Recording {
	var all []Recording
	for _, o := range SLOs(r.Settings, r.Pace) {
		labels := map[string]string{"slo": o.Name}
		all = append(all,
			Recording{Record: sloEvents, Expr: o.Events, Labels: labels},
			Recording{Record: sloErrors, Expr: o.Errors, Labels: labels})
	}
	all = append(all, Recording{Record: ratioOver(time.Minute), Expr: r.expr(sloErrors + `{$job} / ` + sloEvents + `{$job}`)})
	for _, b := range burns() {
		for _, w := range []time.Duration{b.short, b.long} {
			if w == time.Minute {
				continue // there already
			}
			all = append(all, Recording{
				Record: ratioOver(w),
				Expr: r.expr(fmt.Sprintf("sum_over_time(%s{$job}[%s])\n  /\nsum_over_time(%s{$job}[%s])",
					sloErrors, span(w), sloEvents, span(w))),
			})
		}
	}
	return all
}

// ratioOver names the series of the share of bad events over a window.
func ratioOver(w time.Duration) string { return fmt.Sprintf("%s%dm", sloRatio, w/time.Minute) }

// burning are the alerts on the objectives.
func (r rules) burning() []Alert {
	var all []Alert
	for _, o := range SLOs(r.Settings, r.Pace) {
		for _, b := range burns() {
			all = append(all, r.burnRate(o, b))
		}
	}
	return all
}

// burnRate is the alert on one objective and one speed.
func (r rules) burnRate(o SLO, b burn) Alert {
	budget := 1 - o.Objective
	limit := b.factor * budget
	return Alert{
		Name: o.Alert + b.suffix, Severity: b.severity, For: r.Scale(burnWait),
		Labels: map[string]string{"slo": o.Name},
		// A young monitoring has seen few events, of which a single bad one is a
		// large share, and a long window holds it for long. So there must be three,
		// less what rates lose at the ends of their windows.
		Expr: r.expr(strings.NewReplacer(
			"$long", ratioOver(b.long), "$short", ratioOver(b.short), "$limit", fmt.Sprintf("%.6g", limit),
			"$slo", fmt.Sprintf("$job,slo=%q", o.Name), "$window", span(b.short), "$events", sloEvents, "$errors", sloErrors,
		).Replace(`
$long{$slo} > $limit
and
$short{$slo} > $limit
and
avg_over_time($events{$slo}[$window]) > $minimum_rate
and
sum_over_time($errors{$slo}[$window]) * $evaluate > 2.5`)),
		Needs:   o.Needs,
		Summary: "{{ $value | humanizePercentage }} of " + o.Bad,
		Description: fmt.Sprintf("{{ $value | humanizePercentage }} of %s, over the last %s; the limit is %s. %s "+
			"At the limit, the error budget of a week, %s, is gone within %s.",
			o.Bad, span(r.Scale(b.long)), percent(limit), o.Buyers, percent(budget), b.exhausts(o.Period)),
		Meaning: fmt.Sprintf("The error budget of the objective %q is used up more than %g times as fast as it lasts. "+
			"The objective: over a week, in %s of all cases %s. "+
			"The share of bad ones must be over the limit both in the last %s, so that it matters, and in the last %s, "+
			"so that the alert ends soon after the trouble does. Nothing is judged below a minimum of traffic.",
			o.Name, b.factor, percent(o.Objective), o.Good, span(b.long), span(b.short)),
		Steps:   o.Steps,
		Provoke: r.provoke(o, b),
	}
}

// provoke is the objective's provocation. The embedded Alertmanager holds the
// message of a slow burn back while the fast one tells more.
func (r rules) provoke(o SLO, b burn) Provocation {
	p := o.Provoke
	fast, slow := o.Alert+burns()[0].suffix, o.Alert+burns()[1].suffix
	if b.severity == Critical {
		p.Fires = append([]string{slow}, p.Fires...)
		return p
	}
	// It must fill the limit's share of the long window, and some more.
	p.Faults = strings.Replace(p.Faults, `"for":"4m"`, `"for":"10m"`, 1)
	p.Also += fmt.Sprintf(" The same plan makes %s fire, and the embedded Alertmanager holds the message of this one back until that ends. "+
		"The button of onsale up makes the trouble so short that it soon does.", fast)
	p.Fires = append([]string{fast}, p.Fires...)
	p.Fit = r.fitBurst(b, b.factor*(1-o.Objective), o.burst.share, o.burst.faults)
	return p
}

// exhausts says after how many hours the budget of a period is gone.
func (b burn) exhausts(period time.Duration) string {
	return fmt.Sprintf("%.0f hours", period.Hours()/b.factor)
}
