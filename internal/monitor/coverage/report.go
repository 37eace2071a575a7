package coverage

import (
	"fmt"
	"strings"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/endpoint"
)

// State is whether an alert can be evaluated.
type State string

// The states.
const (
	// Judged: at least one instance has all series that the alert needs.
	Judged State = "judged"
	// NoSeries: instances answer, but none has all series that the alert needs. The alert
	// cannot fire.
	NoSeries State = "no_series"
	// Unknown: no instance has answered yet, so its series are unknown.
	Unknown State = "unknown"
)

// Report is the result of one check, as [Coverage.Handler] serves it.
type Report struct {
	Job string `json:"job"`
	// CheckedAt is null until the first check.
	CheckedAt *time.Time `json:"checked_at"`
	// Instances is the number of instances of the job. Up is how many of them answered
	// the last scrape.
	Instances int `json:"instances"`
	Up        int `json:"up"`
	// Judged, NoSeries and Unknown are the numbers of alerts in each state. Partly is how
	// many of the judged alerts lack series on some instance that answers.
	Judged   int `json:"judged"`
	NoSeries int `json:"no_series"`
	Unknown  int `json:"unknown"`
	Partly   int `json:"partly"`
	// Note describes what cannot be evaluated, in a sentence without a full stop. It is
	// empty if every alert can be evaluated on every instance.
	Note   string  `json:"note"`
	Alerts []Alert `json:"alerts"`

	down int // instances that did not answer the last scrape
}

// Alert is the result for one alert.
type Alert struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Instances is the number of instances on which the alert can be evaluated.
	Instances int `json:"instances"`
	// Missing are the series that an answering instance lacks. If the alert has
	// alternatives, they are the series of the alternative that lacks the fewest.
	Missing []string `json:"missing"`
	// Reason is why the alert cannot be evaluated on some or all instances. It is empty
	// if it can be on all.
	Reason string `json:"reason"`

	partly bool // judged, but not on every instance that answers
}

// blank returns the report before the first check.
func (c *Coverage) blank() *Report {
	r := &Report{Job: c.options.Job, Unknown: len(c.options.Alerts), Note: "no target has been scraped yet", Alerts: []Alert{}}
	for _, a := range c.options.Alerts {
		r.Alerts = append(r.Alerts, Alert{Name: a.Name, State: Unknown, Missing: []string{}, Reason: r.Note})
	}
	return r
}

// report returns the report for the findings.
func (c *Coverage) report(f findings, now time.Time) *Report {
	instances := f.instances()
	r := &Report{Job: c.options.Job, CheckedAt: &now, Instances: len(instances), Alerts: []Alert{}}
	for _, up := range f.up {
		if up {
			r.Up++
		} else {
			r.down++
		}
	}
	for _, a := range c.options.Alerts {
		one := f.judge(a, instances)
		switch one.State {
		case Judged:
			r.Judged++
		case NoSeries:
			r.NoSeries++
		case Unknown:
			r.Unknown++
		}
		if one.partly {
			r.Partly++
		}
		r.Alerts = append(r.Alerts, one)
	}
	r.Note = r.note()
	return r
}

// note returns a summary of what cannot be evaluated.
func (r *Report) note() string {
	var parts []string
	if r.NoSeries > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d alerts have no series", r.NoSeries, len(r.Alerts)))
	}
	if r.Unknown > 0 {
		parts = append(parts, "no target answers")
	}
	if r.Partly > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d alerts have no series on some instances", r.Partly, len(r.Alerts)))
	}
	if r.down > 0 && r.Up > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d instances not answering", r.down, r.Instances))
	}
	return strings.Join(parts, ", ")
}

// judge returns the result for one alert.
func (f findings) judge(a catalog.Alert, instances []string) Alert {
	one := Alert{Name: a.Name, State: Unknown, Missing: []string{}}
	var lacking int // instances that answer
	var missing []catalog.Series
	var nearest string // the instance that lacks the fewest series
	for _, instance := range instances {
		lacks := a.Judge(func(s catalog.Series) bool { return f.has[instance][s] })
		switch {
		case lacks == nil:
			one.Instances++
		case f.up[instance]:
			if lacking++; missing == nil || len(lacks) < len(missing) {
				missing, nearest = lacks, instance
			}
		}
	}
	for _, s := range missing {
		one.Missing = append(one.Missing, s.String())
	}
	switch {
	case a.Needs == nil || one.Instances > 0:
		one.State = Judged
		if lacking > 0 {
			one.partly = true
			one.Reason = fmt.Sprintf("evaluated on %d of %d instances: %s has %s",
				one.Instances, len(instances), endpoint.Clean(nearest), f.lack(a, missing))
		} else if one.Instances < len(instances) {
			one.Reason = fmt.Sprintf("evaluated on %d of %d instances: the others do not answer", one.Instances, len(instances))
		}
	case lacking > 0:
		one.State, one.Reason = NoSeries, f.lack(a, missing)
	case len(instances) > 0:
		one.Reason = "no target answers"
	default:
		one.Reason = "no target has been scraped yet"
	}
	return one
}

// lack describes the missing series: "no a and no b any more".
func (f findings) lack(a catalog.Alert, missing []catalog.Series) string {
	var parts []string
	for _, s := range missing {
		text := "no " + s.String()
		if f.ended[s] {
			text += " any more"
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, " and ")
	if len(a.Needs) > 1 {
		text += ", and no alternative series"
	}
	return text
}
