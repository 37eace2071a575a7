package fault

import (
	"bytes"
	"encoding/json"
	"time"
)

// MarshalJSON writes the plan in the shape that [Parse] reads, durations as
// texts, without what injects nothing: the plan Off is {}.
func (p Plan) MarshalJSON() ([]byte, error) {
	plan := p.normal()
	w := wirePlan{
		Seed:         plan.Seed,
		Database:     wireDatabase{wireDelayOf(plan.Database.Delay), plan.Database.Error, textDuration(plan.Database.For)},
		CPU:          wireCPU{plan.CPU.Share, textDuration(plan.CPU.For)},
		Memory:       wireMemory{plan.Memory.Bytes, textDuration(plan.Memory.For)},
		Ready:        wireSwitchOf(plan.NotReady, false),
		ScrapeOutage: wireSwitchOf(plan.ScrapeOutage, true),
	}
	for path, r := range plan.Routes {
		if w.Routes == nil {
			w.Routes = make(map[string]wireRoute, len(plan.Routes))
		}
		w.Routes[path] = wireRoute{wireDelayOf(r.Delay), r.Deny, r.Error, r.Reset, r.Hang, textDuration(r.For)}
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the plan as [Parse] does. What Parse would list as
// ignored is ignored without a word.
func (p *Plan) UnmarshalJSON(data []byte) error {
	plan, _, err := Parse(bytes.NewReader(data))
	if err != nil {
		return err
	}
	*p = plan
	return nil
}

// textDuration is a duration that JSON shows as a text.
type textDuration time.Duration

func (t textDuration) MarshalText() ([]byte, error) { return []byte(time.Duration(t).String()), nil }

// The plan as it stands in JSON. Zero is left out everywhere.
type (
	wirePlan struct {
		Seed         uint64               `json:"seed,omitzero"`
		Routes       map[string]wireRoute `json:"routes,omitzero"`
		Database     wireDatabase         `json:"database,omitzero"`
		CPU          wireCPU              `json:"cpu,omitzero"`
		Memory       wireMemory           `json:"memory,omitzero"`
		Ready        any                  `json:"ready,omitempty"`
		ScrapeOutage any                  `json:"scrape_outage,omitempty"`
	}
	wireRoute struct {
		Delay wireDelay    `json:"delay,omitzero"`
		Deny  float64      `json:"deny,omitzero"`
		Error float64      `json:"error,omitzero"`
		Reset float64      `json:"reset,omitzero"`
		Hang  float64      `json:"hang,omitzero"`
		For   textDuration `json:"for,omitzero"`
	}
	wireDatabase struct {
		Delay wireDelay    `json:"delay,omitzero"`
		Error float64      `json:"error,omitzero"`
		For   textDuration `json:"for,omitzero"`
	}
	wireCPU struct {
		Share float64      `json:"share,omitzero"`
		For   textDuration `json:"for,omitzero"`
	}
	wireMemory struct {
		Bytes uint64       `json:"bytes,omitzero"`
		For   textDuration `json:"for,omitzero"`
	}
	wireDelay struct {
		Fixed     textDuration   `json:"fixed,omitzero"`
		Uniform   []textDuration `json:"uniform,omitempty"`
		LogNormal wireLogNormal  `json:"lognormal,omitzero"`
	}
	wireLogNormal struct {
		Median textDuration `json:"median"`
		P99    textDuration `json:"p99"`
	}
	wireSwitch struct {
		Value bool         `json:"value"`
		For   textDuration `json:"for"`
	}
)

func wireDelayOf(d Delay) wireDelay {
	w := wireDelay{Fixed: textDuration(d.Fixed), LogNormal: wireLogNormal{textDuration(d.LogNormal.Median), textDuration(d.LogNormal.P99)}}
	if d.Uniform != (Range{}) {
		w.Uniform = []textDuration{textDuration(d.Uniform.Min), textDuration(d.Uniform.Max)}
	}
	return w
}

// wireSwitchOf returns nothing for a switch that is off, and value for one that
// is on, in the long form if it has an end.
func wireSwitchOf(s Switch, value bool) any {
	switch {
	case !s.On:
		return nil
	case s.For > 0:
		return wireSwitch{value, textDuration(s.For)}
	}
	return value
}
