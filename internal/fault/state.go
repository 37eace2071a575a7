package fault

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// State is a plan with its version and times, as stores keep it.
type State struct {
	// Version counts plans and patches from 1; 0 means that none was set.
	Version int64
	Plan    Plan
	// Age is the time since the plan was set, by the database's clock, so all
	// replicas end its faults at the same time. A patch does not reset it.
	Age time.Duration
	// Begun has an entry for each fault that was patched since, by its path in the
	// plan: how long after the plan the fault was set.
	Begun map[string]time.Duration
}

// InForce returns the state without faults that have ended.
func (s State) InForce() State {
	s.Plan = s.Plan.rework(func(f *part) bool { return f.lasts == 0 || s.Age-s.Begun[f.field] < f.lasts })
	return s
}

// Fault is one active fault.
type Fault struct {
	// Field is the path in the plan.
	Field string
	// Words describes the fault.
	Words string
	// Left is the remaining time; 0 means no end. For a crash, it is the time until
	// the crash.
	Left time.Duration
	// End is the patch that ends only this fault.
	End json.RawMessage
}

// Faults returns the active faults, in the order of [Plan.Summary].
func (s State) Faults() []Fault {
	var all []Fault
	for _, f := range s.InForce().Plan.parts() {
		left := time.Duration(0)
		if f.lasts > 0 {
			left = f.lasts - s.Age + s.Begun[f.field]
		}
		if f.kind == kindCrash {
			left = max(left-CrashGrace, 0)
		}
		f.lasts = 0
		all = append(all, Fault{Field: f.field, Words: clause([]part{f}), Left: left, End: f.end()})
	}
	return all
}

// end returns the patch that ends the fault.
func (f part) end() json.RawMessage {
	name := f.field[strings.LastIndexByte(f.field, '.')+1:]
	var patch any
	switch {
	case f.kind < numRouteKinds:
		patch = map[string]any{"routes": map[string]any{f.of: map[string]any{name: nil}}}
	case name != f.field:
		patch = map[string]any{f.of: map[string]any{name: nil}}
	default:
		patch = map[string]any{name: nil}
	}
	text, _ := json.Marshal(patch) // never fails for maps of strings
	return text
}

// Encode returns the plan and the start times as stores keep them. Programs that do
// not support patches can still read the plan from it.
func (s State) Encode() ([]byte, error) {
	text, err := json.Marshal(s.Plan)
	if err != nil || len(s.Begun) == 0 {
		return text, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	begun := make(map[string]textDuration, len(s.Begun))
	for field, after := range s.Begun {
		begun[field] = textDuration(after)
	}
	if members[memberBegun], err = json.Marshal(begun); err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return json.Marshal(members)
}

// Decode sets the plan and the start times from the output of [State.Encode].
func (s *State) Decode(text []byte) error {
	var record struct {
		Begun map[string]string `json:"begun"`
	}
	if err := json.Unmarshal(text, &s.Plan); err != nil {
		return fmt.Errorf("decode plan: %w", err)
	}
	if err := json.Unmarshal(text, &record); err != nil {
		return fmt.Errorf("decode plan: %w", err)
	}
	s.Begun = nil
	for field, text := range record.Begun {
		after, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("decode plan: %w", err)
		}
		if s.Begun == nil {
			s.Begun = make(map[string]time.Duration, len(record.Begun))
		}
		s.Begun[field] = after
	}
	return nil
}

// memberBegun is the member with the start times, next to the members of a plan.
const memberBegun = "begun"

// patched returns the state with a patched plan. The faults in the patch start now,
// and all others keep their times from s. If no plan was set yet, the first patch
// sets it.
func (s State) patched(plan Plan, change map[string]any) State {
	before := make(map[string]time.Duration)
	for _, f := range s.Plan.parts() {
		before[f.field] = f.lasts
	}
	set := time.Duration(0) // when the plan is set, relative to s
	if s.Version == 0 {
		set = s.Age
	}
	begun := make(map[string]time.Duration)
	next := State{Version: s.Version + 1, Age: s.Age - set}
	next.Plan = plan.rework(func(f *part) bool {
		at := s.Age
		if !f.namedBy(change) {
			at, f.lasts = s.Begun[f.field], before[f.field]
		}
		if at != set {
			begun[f.field] = at - set
		}
		return true
	})
	if len(begun) > 0 {
		next.Begun = begun
	}
	return next
}
