package fault

import (
	"bytes"
	"encoding/json"
	"time"
)

// MarshalJSON encodes the plan in the format that [Parse] reads, with durations as
// strings. It leaves out everything without effect: the plan Off is {}.
func (p Plan) MarshalJSON() ([]byte, error) {
	plan := p.normal()
	w := wirePlan{
		Seed:         plan.Seed,
		Database:     wireDatabaseOf(plan.Database),
		CPU:          wireCPU{plan.CPU.Share, textDuration(plan.CPU.For)},
		Memory:       wireMemory{plan.Memory.Bytes, plan.Memory.Percent, textDuration(plan.Memory.For)},
		Ready:        wireSwitchOf(plan.NotReady, false),
		ScrapeOutage: wireSwitchOf(plan.ScrapeOutage, true),
		Crash:        wireCrashOf(plan.Crash),
	}
	for path, r := range plan.Routes {
		if w.Routes == nil {
			w.Routes = make(map[string]wireRoute, len(plan.Routes))
		}
		w.Routes[path] = wireRoute{
			wireDelayOf(r.Delay, r.Own.Delay), wireShareOf(r.Deny, r.Own.Deny), wireShareOf(r.Error, r.Own.Error),
			wireShareOf(r.Reset, r.Own.Reset), wireShareOf(r.Hang, r.Own.Hang), textDuration(r.For),
		}
	}
	return json.Marshal(w)
}

// UnmarshalJSON decodes the plan like [Parse], but silently ignores unknown fields.
func (p *Plan) UnmarshalJSON(data []byte) error {
	plan, _, err := Parse(bytes.NewReader(data))
	if err != nil {
		return err
	}
	*p = plan
	return nil
}

// textDuration is a duration that is a string in JSON.
type textDuration time.Duration

func (t textDuration) MarshalText() ([]byte, error) { return []byte(time.Duration(t).String()), nil }

// The plan in JSON. Zero values are left out.
type (
	wirePlan struct {
		Seed         uint64               `json:"seed,omitzero"`
		Routes       map[string]wireRoute `json:"routes,omitzero"`
		Database     wireDatabase         `json:"database,omitzero"`
		CPU          wireCPU              `json:"cpu,omitzero"`
		Memory       wireMemory           `json:"memory,omitzero"`
		Ready        any                  `json:"ready,omitempty"`
		ScrapeOutage any                  `json:"scrape_outage,omitempty"`
		Crash        any                  `json:"crash,omitempty"`
	}
	wireRoute struct {
		Delay wireDelay    `json:"delay,omitzero"`
		Deny  any          `json:"deny,omitempty"`
		Error any          `json:"error,omitempty"`
		Reset any          `json:"reset,omitempty"`
		Hang  any          `json:"hang,omitempty"`
		For   textDuration `json:"for,omitzero"`
	}
	wireDatabase struct {
		Delay wireDelay    `json:"delay,omitzero"`
		Error any          `json:"error,omitempty"`
		For   textDuration `json:"for,omitzero"`
	}
	wireCPU struct {
		Share float64      `json:"share,omitzero"`
		For   textDuration `json:"for,omitzero"`
	}
	wireMemory struct {
		Bytes   uint64       `json:"bytes,omitzero"`
		Percent float64      `json:"percent,omitzero"`
		For     textDuration `json:"for,omitzero"`
	}
	wireDelay struct {
		Fixed     textDuration   `json:"fixed,omitzero"`
		Uniform   []textDuration `json:"uniform,omitempty"`
		LogNormal wireLogNormal  `json:"lognormal,omitzero"`
		For       textDuration   `json:"for,omitzero"`
	}
	wireShare struct {
		Share float64      `json:"share"`
		For   textDuration `json:"for"`
	}
	wireLogNormal struct {
		Median textDuration `json:"median"`
		P99    textDuration `json:"p99"`
	}
	wireSwitch struct {
		Value bool         `json:"value"`
		For   textDuration `json:"for"`
	}
	wireCrash struct {
		Value bool         `json:"value"`
		After textDuration `json:"after"`
	}
)

func wireDatabaseOf(d DatabaseFaults) wireDatabase {
	return wireDatabase{wireDelayOf(d.Delay, d.Own.Delay), wireShareOf(d.Error, d.Own.Error), textDuration(d.For)}
}

// wireShareOf returns nil for 0, a plain share, or a share with its own duration.
func wireShareOf(share float64, lasts time.Duration) any {
	switch {
	case share == 0:
		return nil
	case lasts > 0:
		return wireShare{share, textDuration(lasts)}
	}
	return share
}

func wireCrashOf(c Crash) any {
	switch {
	case !c.On:
		return nil
	case c.After > 0:
		return wireCrash{true, textDuration(c.After)}
	}
	return true
}

func wireDelayOf(d Delay, lasts time.Duration) wireDelay {
	w := wireDelay{
		Fixed: textDuration(d.Fixed), For: textDuration(lasts),
		LogNormal: wireLogNormal{textDuration(d.LogNormal.Median), textDuration(d.LogNormal.P99)},
	}
	if d.Uniform != (Range{}) {
		w.Uniform = []textDuration{textDuration(d.Uniform.Min), textDuration(d.Uniform.Max)}
	}
	return w
}

// wireSwitchOf returns nil for a switch that is off. For one that is on it returns
// value, or the long form if it has an end.
func wireSwitchOf(s Switch, value bool) any {
	switch {
	case !s.On:
		return nil
	case s.For > 0:
		return wireSwitch{value, textDuration(s.For)}
	}
	return value
}
