package catalog

import (
	"fmt"
	"strings"
	"time"
)

// The series that the burn rates read, each with the label slo. The shares over
// long windows are computed from recorded one-minute rates. That costs a few series
// instead of all call series over an hour and a half.
const (
	sloEvents = "job_slo:events:rate1m"
	sloErrors = "job_slo:errors:rate1m"
	sloRatio  = "job_slo:errors:ratio_rate"
)

// burn is a speed at which the error budget is used up. The alert fires if the
// share of bad events is over the limit in both windows: the long one shows that it
// matters, the short one that it still continues. At factor 1 the budget lasts
// exactly the period.
type burn struct {
	suffix      string
	severity    Severity
	factor      float64
	long, short time.Duration
}

// burns returns the two speeds. The fast one uses up the week's budget within half
// a day, and has spent about 2 % of it when the alert fires. The slow one uses it
// up in a little more than a day, and has spent about 5 %.
func burns() []burn {
	return []burn{
		{suffix: "Fast", severity: Critical, factor: 14.4, long: 15 * time.Minute, short: time.Minute},
		{suffix: "Slow", severity: Warning, factor: 6, long: 90 * time.Minute, short: 10 * time.Minute},
	}
}

// burnWait is the "for" of burn alerts. It is short because the windows already
// suppress short burns.
const burnWait = 12 * time.Second

// objectives returns the recordings that the burn rates read.
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
				continue // recorded above
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

// ratioOver returns the name of the series with the share of bad events over a
// window.
func ratioOver(w time.Duration) string { return fmt.Sprintf("%s%dm", sloRatio, w/time.Minute) }

// burning returns the alerts on the objectives.
func (r rules) burning() []Alert {
	var all []Alert
	for _, o := range SLOs(r.Settings, r.Pace) {
		for _, b := range burns() {
			all = append(all, r.burnRate(o, b))
		}
	}
	return all
}

// burnRate returns the alert on one objective and one speed.
func (r rules) burnRate(o SLO, b burn) Alert {
	budget := 1 - o.Objective
	limit := b.factor * budget
	return Alert{
		Name: o.Alert + b.suffix, Severity: b.severity, For: r.Scale(burnWait),
		Labels: map[string]string{"slo": o.Name},
		// Soon after its start, a monitoring has seen few events. One bad event is
		// then a large share, and stays in a long window for long. So the alert
		// needs three bad events, less what rates lose at the ends of their
		// windows.
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
			"At the limit, the error budget of a week, %s, is used up within %s.",
			o.Bad, span(r.Scale(b.long)), percent(limit), o.Buyers, percent(budget), b.exhausts(o.Period)),
		Meaning: fmt.Sprintf("The error budget of the objective %q is being used up at more than %g times the sustainable rate. "+
			"The objective: over a week, in %s of all cases, %s. "+
			"The share of bad cases must be over the limit in both windows: in the last %s, so that short problems do not fire the alert, "+
			"and in the last %s, so that it resolves soon after the problem ends. The alert needs a minimum of traffic.",
			o.Name, b.factor, percent(o.Objective), o.Good, span(b.long), span(b.short)),
		Steps:   o.Steps,
		Provoke: r.provoke(o, b),
	}
}

// provoke returns the objective's provocation. The embedded Alertmanager suppresses
// the slow burn's notification while the fast burn fires.
func (r rules) provoke(o SLO, b burn) Provocation {
	p := o.Provoke
	fast, slow := o.Alert+burns()[0].suffix, o.Alert+burns()[1].suffix
	if b.severity == Critical {
		p.Fires = append([]string{slow}, p.Fires...)
		return p
	}
	// It must last longer than the limit's share of the long window.
	p.Faults = strings.Replace(p.Faults, `"for":"4m"`, `"for":"10m"`, 1)
	p.Also += fmt.Sprintf(" The same plan makes %[1]s fire. While that alert fires, the embedded Alertmanager suppresses the notification of this one. "+
		"The button on the page of onsale up uses a shorter fault, so %[1]s ends soon.", fast)
	p.Fires = append([]string{fast}, p.Fires...)
	p.Fit = r.fitBurst(b, b.factor*(1-o.Objective), o.burst.share, o.burst.faults)
	return p
}

// exhausts returns after how many hours the budget of a period is used up.
func (b burn) exhausts(period time.Duration) string {
	return fmt.Sprintf("%.0f hours", period.Hours()/b.factor)
}
