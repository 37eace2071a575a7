package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// patchTries is how often a patch is retried after another change of the plan. Each
// failed try means that another change succeeded.
const patchTries = 20

// Patch changes the plan with a JSON merge patch (RFC 7396) for all replicas, and
// applies it here immediately. Members of the patch replace those of the plan, null
// removes a member, and lists are replaced as a whole. The patch applies to the
// plan that [State.InForce] returns.
//
// Faults in the patch restart. The others continue: they keep their remaining
// time, and calls that they delay or hang keep waiting. A "for" of a route or the
// database applies to its faults in the patch, or to all its faults if the patch
// contains none.
//
// Concurrent patches, even at different replicas, are all applied. ignored lists
// unknown fields, as for [Parse]. Patch returns a [*PlanError] for a patch that is
// not a JSON object or results in an invalid plan, [ErrChanged] after too many
// concurrent changes, the errors of the store, and the error of ctx.
func (i *Injector) Patch(ctx context.Context, patch []byte) (state State, ignored []string, err error) {
	change, err := readPatch(patch)
	if err != nil {
		return State{}, nil, err
	}
	select {
	case i.setting <- struct{}{}:
		defer func() { <-i.setting }()
	case <-ctx.Done():
		return State{}, nil, ctx.Err()
	}
	for range patchTries {
		state, ignored, err = i.patchOnce(ctx, change)
		if !errors.Is(err, ErrChanged) {
			break
		}
	}
	return state, ignored, err
}

// patchOnce patches the currently stored plan once.
func (i *Injector) patchOnce(ctx context.Context, change map[string]any) (State, []string, error) {
	base, asked := i.State(), i.now()
	if i.store != nil {
		stored, err := i.store.LoadPlan(ctx)
		if err != nil {
			return State{}, nil, fmt.Errorf("load fault plan: %w", err)
		}
		if stored.Version != 0 {
			base = stored
		}
	}
	next, ignored, err := base.patch(change)
	if err != nil {
		return State{}, nil, err
	}
	if i.store != nil {
		asked = i.now()
		if next, err = i.store.SwapPlan(ctx, next); err != nil {
			return State{}, nil, fmt.Errorf("save fault plan: %w", err)
		}
	}
	return i.applySet(ctx, next, asked), ignored, nil
}

// readPatch reads a patch. It rejects a patch without any field of a plan.
func readPatch(text []byte) (map[string]any, error) {
	value, err := decode(text)
	if err != nil {
		return nil, err
	}
	change, ok := value.(map[string]any)
	if !ok {
		return nil, &PlanError{Rule: "must be a JSON object"}
	}
	if _, ok := change["preset"]; ok {
		return nil, &PlanError{Field: "preset", Rule: "is not allowed in a patch: use PUT to set a preset, which replaces the whole plan"}
	}
	known := []string{"seed", "routes", "database", "cpu", "memory", "ready", "scrape_outage", "crash"}
	names := slices.Sorted(maps.Keys(change))
	if len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(known, name) }) {
		return nil, &PlanError{Field: member("", names[0]), Rule: "is not a field of a plan, and the patch has no known field; the fields are " + strings.Join(known, ", ")}
	}
	return change, nil
}

// patch returns the result of applying a patch to s.
func (s State) patch(change map[string]any) (State, []string, error) {
	base := s.InForce()
	text, err := json.Marshal(base.Plan)
	if err != nil {
		return State{}, nil, fmt.Errorf("encode plan: %w", err)
	}
	current, err := decode(text)
	if err != nil {
		return State{}, nil, err
	}
	dropTimes(current, change)
	merged, err := json.Marshal(merge(current, change))
	if err != nil {
		return State{}, nil, fmt.Errorf("encode plan: %w", err)
	}
	plan, ignored, err := Parse(bytes.NewReader(merged))
	if broken, ok := errors.AsType[*PlanError](err); ok && broken.Rule == oneDelay {
		broken.Rule += "; to remove the other one in a patch, set it to null"
	}
	if err != nil {
		return State{}, nil, err
	}
	return base.patched(plan, change), ignored, nil
}

// merge applies a patch to a JSON value. It is MergePatch of RFC 7396, section 2,
// and may change the target.
func merge(target, patch any) any {
	members, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = make(map[string]any, len(members))
	}
	for name, value := range members {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = merge(object[name], value)
		}
	}
	return object
}

// namedBy reports whether a patch contains the fault.
func (f part) namedBy(change map[string]any) bool {
	scope, fault := change, f.field
	if f.kind < numRouteKinds {
		routes, named := change["routes"]
		object, ok := routes.(map[string]any)
		if !ok {
			return named
		}
		scope, fault = object, f.of+f.field[strings.LastIndexByte(f.field, '.'):]
	}
	at := strings.LastIndexByte(fault, '.')
	if at < 0 {
		_, named := scope[fault]
		return named
	}
	value, named := scope[fault[:at]]
	return named && namesWithin(value, fault[at+1:])
}

// faultNames are the members of a route or the database that are faults.
var faultNames = []string{"delay", "deny", "error", "reset", "hang"}

// namesWithin reports whether the patch of a route or of the database contains one
// of its faults. A "for" without any fault means all of them.
func namesWithin(value any, fault string) bool {
	object, ok := value.(map[string]any)
	if !ok {
		return true
	}
	if _, named := object[fault]; named {
		return true
	}
	for _, other := range faultNames {
		if _, named := object[other]; named {
			return false
		}
	}
	_, timed := object["for"]
	return timed
}

// dropTimes removes the faults' own durations where a patch sets the shared
// duration of a route or the database, because their own would take precedence.
func dropTimes(plan, change any) {
	dropTimesWithin(memberOf(plan, "database"), memberOf(change, "database"))
	routes, _ := memberOf(change, "routes").(map[string]any)
	for path, patch := range routes {
		dropTimesWithin(memberOf(memberOf(plan, "routes"), path), patch)
	}
}

func dropTimesWithin(scope, patch any) {
	object, _ := patch.(map[string]any)
	if _, timed := object["for"]; !timed {
		return
	}
	for _, fault := range faultNames {
		if own, ok := memberOf(scope, fault).(map[string]any); ok && namesWithin(object, fault) {
			delete(own, "for")
		}
	}
}

// memberOf returns a member of a JSON object, or nil.
func memberOf(value any, name string) any {
	object, _ := value.(map[string]any)
	return object[name]
}
