package fault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/fault"
)

// mustPatch patches the current plan.
func mustPatch(t *testing.T, i *fault.Injector, patch string) fault.State {
	t.Helper()
	state, _, err := i.Patch(t.Context(), []byte(patch))
	if err != nil {
		t.Fatalf("patch %s: %v", patch, err)
	}
	return state
}

// parse parses a plan.
func parse(t *testing.T, text string) fault.Plan {
	t.Helper()
	plan, _, err := fault.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return plan
}

// written returns a plan in JSON.
func written(t *testing.T, plan fault.Plan) string {
	t.Helper()
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// As in RFC 7396, objects are merged, other values are replaced, and null removes a
// member.
func TestPatchMerges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ plan, patch, want string }{
		"add a fault": {
			`{"cpu":{"share":0.5}}`, `{"database":{"error":0.5}}`,
			`{"cpu":{"share":0.5},"database":{"error":0.5}}`,
		},
		"nothing":                  {`{"cpu":{"share":0.5}}`, `{}`, `{"cpu":{"share":0.5}}`},
		"null removes":             {`{"cpu":{"share":0.5},"database":{"error":0.5}}`, `{"cpu":null}`, `{"database":{"error":0.5}}`},
		"null of a missing member": {`{}`, `{"cpu":null,"database":{"delay":null},"routes":{"/books":null}}`, `{}`},
		"a route is added": {
			`{"routes":{"/books":{"error":1}}}`, `{"routes":{"/concerts":{"hang":1}}}`,
			`{"routes":{"/books":{"error":1},"/concerts":{"hang":1}}}`,
		},
		"a fault of a route is added": {
			`{"routes":{"/books":{"error":1}}}`, `{"routes":{"/books":{"hang":0.5}}}`, `{"routes":{"/books":{"error":1,"hang":0.5}}}`,
		},
		"a fault of a route is removed": {
			`{"routes":{"/books":{"error":1,"hang":0.5}}}`, `{"routes":{"/books":{"error":null}}}`, `{"routes":{"/books":{"hang":0.5}}}`,
		},
		"a route is removed": {
			`{"routes":{"/books":{"error":1},"/concerts":{"hang":1}}}`, `{"routes":{"/books":null}}`, `{"routes":{"/concerts":{"hang":1}}}`,
		},
		"all routes are removed": {`{"seed":3,"routes":{"/books":{"error":1}}}`, `{"routes":null}`, `{"seed":3}`},
		"a list is replaced": {
			`{"database":{"delay":{"uniform":["1s","2s"]}}}`, `{"database":{"delay":{"uniform":["3s","4s"]}}}`,
			`{"database":{"delay":{"uniform":["3s","4s"]}}}`,
		},
		"a delay of another kind": {
			`{"database":{"delay":{"uniform":["1s","2s"]}}}`, `{"database":{"delay":{"uniform":null,"fixed":"1s"}}}`,
			`{"database":{"delay":{"fixed":"1s"}}}`,
		},
		"a time is kept": {
			`{"database":{"error":0.5,"for":"1m"}}`, `{"database":{"error":0.2}}`, `{"database":{"error":0.2,"for":"1m"}}`,
		},
		"a time is removed": {`{"database":{"error":0.5,"for":"1m"}}`, `{"database":{"for":null}}`, `{"database":{"error":0.5}}`},
		"a time for all":    {`{"database":{"error":0.5,"delay":{"fixed":"1s"}}}`, `{"database":{"for":"1m"}}`, `{"database":{"error":0.5,"delay":{"fixed":"1s"},"for":"1m"}}`},
		"a time for only the faults in the patch": {
			`{"routes":{"/buy/{concert_id}":{"delay":{"uniform":["1s","4s"]}}}}`, `{"routes":{"/buy/{concert_id}":{"deny":0.9,"for":"2m"}}}`,
			`{"routes":{"/buy/{concert_id}":{"delay":{"uniform":["1s","4s"]},"deny":{"share":0.9,"for":"2m"}}}}`,
		},
		"one of two times": {
			`{"database":{"error":0.5,"delay":{"fixed":"1s"},"for":"1m"}}`, `{"database":{"error":0.1,"for":"2m"}}`,
			`{"database":{"error":{"share":0.1,"for":"2m"},"delay":{"fixed":"1s","for":"1m"}}}`,
		},
		"a time in the place of a fault's own": {
			`{"database":{"error":{"share":0.5,"for":"5m"},"delay":{"fixed":"1s","for":"2m"}}}`, `{"database":{"delay":{"fixed":"300ms"},"for":"19s"}}`,
			`{"database":{"error":{"share":0.5,"for":"5m"},"delay":{"fixed":"300ms","for":"19s"}}}`,
		},
		"a time in the place of a share's own": {
			`{"routes":{"/books":{"error":{"share":0.5,"for":"5m"},"hang":1}}}`, `{"routes":{"/books":{"error":{"share":0.7},"for":"19s"}}}`,
			`{"routes":{"/books":{"error":{"share":0.7,"for":"19s"},"hang":1}}}`,
		},
		"a time next to one of the patch's own": {
			`{"database":{"error":{"share":0.5,"for":"5m"},"delay":{"fixed":"1s","for":"2m"}}}`, `{"database":{"delay":{"for":"7s"},"for":"19s"}}`,
			`{"database":{"error":{"share":0.5,"for":"5m"},"delay":{"fixed":"1s","for":"7s"}}}`,
		},
		"one time for all in the place of two": {
			`{"database":{"error":{"share":0.5,"for":"5m"},"delay":{"fixed":"1s","for":"2m"}}}`, `{"database":{"for":"19s"}}`,
			`{"database":{"error":0.5,"delay":{"fixed":"1s"},"for":"19s"}}`,
		},
		"all times are removed": {
			`{"database":{"error":{"share":0.5,"for":"5m"},"delay":{"fixed":"1s","for":"2m"}}}`, `{"database":{"for":null}}`,
			`{"database":{"error":0.5,"delay":{"fixed":"1s"}}}`,
		},
		"a switch":        {`{"scrape_outage":{"for":"1m"}}`, `{"scrape_outage":true}`, `{"scrape_outage":true}`},
		"ready again":     {`{"ready":false,"cpu":{"share":1}}`, `{"ready":true}`, `{"cpu":{"share":1}}`},
		"the seed":        {`{"seed":3,"cpu":{"share":1}}`, `{"seed":4}`, `{"seed":4,"cpu":{"share":1}}`},
		"a switch begins": {`{}`, `{"ready":{"value":false,"for":"5s"}}`, `{"ready":{"value":false,"for":"5s"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := injector(t, parse(t, c.plan))
			state := mustPatch(t, i, c.patch)
			if got, want := written(t, state.Plan), written(t, parse(t, c.want)); got != want {
				t.Errorf("%s patched by %s is\n%s, want\n%s", c.plan, c.patch, got, want)
			}
		})
	}
}

// PATCH rejects the same plans as PUT, names the field, and changes nothing.
func TestInvalidPatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ patch, field, rule string }{
		{`{"database":{"error":2}}`, "database.error", "between 0 and 1"},
		{`{"database":{"error":{"for":"1m"}}}`, "database.error.share", "is required"},
		{`{"routes":{"/health":{"error":1}}}`, `routes["/health"]`, "not a route"},
		{`{"routes":{"/concerts":{"deny":1}}}`, `routes["/concerts"].deny`, "must be 0"},
		{`{"routes":{"/buy/{concert_id}":{"delay":{"fixed":"1s"}}}}`, `routes["/buy/{concert_id}"].delay`, "only one of fixed, uniform and lognormal; to remove the other one"},
		{`{"routes":[]}`, "routes", "object"},
		{`{"cpu":{"share":1,"for":"25h"}}`, "cpu.for", "24h"},
		{`{"cpu":{"share":1,"for":"0s"}}`, "cpu.for", "more than 0s"},
		{`{"memory":{"percent":96}}`, "memory.percent", "95"},
		{`{"crash":{"after":"-1s"}}`, "crash.after", "between 0s"},
		{`{"crash":"now"}`, "crash", "object"},
		{`{"preset":"off"}`, "preset", "PUT"},
		{`{"preset":null}`, "preset", "PUT"},
		{`{"plan":{"cpu":{"share":1}}}`, "plan", "not a field"},
		{`[]`, "", "object"},
		{`null`, "", "object"},
		{`{"cpu":`, "", "JSON"},
		{`{} {}`, "", "JSON"},
	} {
		i := injector(t, fault.Default())
		_, _, err := i.Patch(t.Context(), []byte(c.patch))
		broken, ok := errors.AsType[*fault.PlanError](err)
		if !ok || broken.Field != c.field || !strings.Contains(broken.Error(), c.rule) {
			t.Errorf("%s: %v, want %s %s", c.patch, err, c.field, c.rule)
		}
		if got := i.State(); got.Version != 0 || written(t, got.Plan) != written(t, fault.Default()) {
			t.Errorf("%s changed the plan to version %d: %s", c.patch, got.Version, written(t, got.Plan))
		}
	}
	i := injector(t, fault.Default())
	if _, ignored, err := i.Patch(t.Context(), []byte(`{"cpu":{"share":0.1,"shares":1},"other":1}`)); err != nil || !slices.Equal(ignored, []string{"cpu.shares", "other"}) {
		t.Errorf("ignored %q, %v", ignored, err)
	}
}

// Faults outside the patch keep their remaining time, faults in the patch restart,
// and ended faults are removed.
func TestPatchedFaultsRestart(t *testing.T) {
	t.Parallel()
	for _, stored := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			o := fault.Options{Plan: parse(t, `{"database":{"error":1,"for":"1m"},"ready":{"value":false,"for":"10s"},"routes":{"/books":{"error":1,"for":"1m"}}}`)}
			var other *fault.Injector
			if stored {
				store := &memoryStore{skew: time.Hour}
				o.Store, o.Replica = store, "one"
				other = fault.NewInjector(fault.Options{Store: store, Replica: "number two"})
				run(t, other)
			}
			i := fault.NewInjector(o)
			run(t, i)
			set := mustSet(t, i, o.Plan).Version
			begin := time.Now()
			at := func(second int, want ...string) {
				t.Helper()
				time.Sleep(time.Until(begin.Add(time.Duration(second)*time.Second + 100*time.Millisecond)))
				synctest.Wait()
				if got := i.Active(); !slices.Equal(got, want) {
					t.Errorf("after %d s active: %q, want %q", second, got, want)
				}
				if other != nil && !slices.Equal(other.Active(), i.Active()) {
					t.Errorf("after %d s active elsewhere: %q, want %q", second, other.Active(), i.Active())
				}
			}
			at(5, "database_error", "error", "not_ready")
			at(20, "database_error", "error")
			state := mustPatch(t, i, `{"database":{"error":0.9}}`)
			if state.Version != set+1 || state.Plan.NotReady.On {
				t.Errorf("patched to %+v", state)
			}
			at(59, "database_error", "error")
			mustPatch(t, i, `{"scrape_outage":{"for":"5s"}}`)
			at(61, "database_error", "scrape_outage") // the route's minute is over, and the database's began at 20 s
			at(79, "database_error")
			at(81)
			mustPatch(t, i, `{"database":{"delay":{"fixed":"1s"}}}`)
			if got := written(t, i.State().Plan); got != `{"database":{"delay":{"fixed":"1s"}}}` {
				t.Errorf("an ended fault is active again: %s", got)
			}
		})
	}
}

// A patch without a fault and a time restarts nothing.
func TestAnEmptyPatchProlongsNothing(t *testing.T) {
	t.Parallel()
	for _, patch := range []string{`{}`, `{"database":{}}`, `{"database":{"eror":1}}`, `{"routes":{"/books":{}}}`, `{"routes":{}}`} {
		synctest.Test(t, func(t *testing.T) {
			i := fault.NewInjector(fault.Options{Plan: parse(t, `{"database":{"error":1,"for":"1m"},"routes":{"/books":{"error":1,"for":"1m"}}}`)})
			time.Sleep(50 * time.Second)
			state := mustPatch(t, i, patch)
			for _, f := range state.Faults() {
				if f.Left > 10*time.Second {
					t.Errorf("after %s %s lasts %s more, want 10s", patch, f.Field, f.Left)
				}
			}
		})
	}
}

// The first patch changes the default plan, which is not stored yet.
func TestPatchOfTheDefaultPlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{skew: -time.Hour}
		i := fault.NewInjector(fault.Options{
			Plan: parse(t, `{"database":{"error":1,"for":"1m"},"routes":{"/books":{"delay":{"fixed":"1s"}}}}`), Store: store, Replica: "one",
		})
		time.Sleep(50 * time.Second)
		state := mustPatch(t, i, `{"ready":{"value":false,"for":"20s"}}`)
		if state.Version != 1 {
			t.Errorf("version %d", state.Version)
		}
		time.Sleep(9 * time.Second)
		if got := i.Active(); !slices.Equal(got, []string{"database_error", "delay", "not_ready"}) {
			t.Errorf("active: %q", got)
		}
		time.Sleep(2 * time.Second)
		again := fault.NewInjector(fault.Options{Store: store, Replica: "two"})
		if err := again.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, one := range []*fault.Injector{i, again} {
			if got := one.Active(); !slices.Equal(got, []string{"delay", "not_ready"}) {
				t.Errorf("active: %q", got)
			}
		}
	})
}

// Concurrent patches at two replicas are all applied.
func TestNoPatchIsLost(t *testing.T) {
	t.Parallel()
	store := &memoryStore{}
	replicas := []*fault.Injector{
		fault.NewInjector(fault.Options{Plan: fault.Default(), Store: store, Replica: "one"}),
		fault.NewInjector(fault.Options{Plan: fault.Default(), Store: store, Replica: "two"}),
	}
	var all sync.WaitGroup
	for n, route := range fault.Routes() {
		all.Go(func() {
			if _, _, err := replicas[n%2].Patch(t.Context(), fmt.Appendf(nil, `{"routes":{%q:{"error":0.5}}}`, route)); err != nil {
				t.Errorf("%s: %v", route, err)
			}
		})
	}
	all.Wait()
	if err := replicas[0].Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := replicas[0].State()
	for _, route := range fault.Routes() {
		if got.Plan.Routes[route].Error != 0.5 {
			t.Errorf("the patch of %s is lost", route)
		}
	}
	if got.Plan.Routes[buyDeny].Deny != 0.099 || got.Version != int64(len(fault.Routes())) {
		t.Errorf("version %d, plan %s", got.Version, written(t, got.Plan))
	}
}

// Calls that a fault delays or hangs keep waiting when a patch changes another
// fault.
func TestPatchKeepsHungCallsWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := fault.NewInjector(fault.Options{Store: &memoryStore{}, Replica: "one"})
		mustSet(t, i, parse(t, `{"routes":{"/books":{"hang":1}},"database":{"delay":{"fixed":"1m"}}}`))
		var hung, delayed atomic.Bool
		hung.Store(true)
		delayed.Store(true)
		go func() { _ = i.Route(t.Context(), books); hung.Store(false) }()
		go func() { _ = i.Database(t.Context()); delayed.Store(false) }()
		time.Sleep(time.Second)
		mustPatch(t, i, `{"routes":{"/books":{"error":0.5,"for":"1m"}},"database":{"error":0.5}}`)
		synctest.Wait()
		if !hung.Load() || !delayed.Load() {
			t.Errorf("a patch of another fault released calls: hung %t, delayed %t", hung.Load(), delayed.Load())
		}
		mustPatch(t, i, `{"routes":{"/books":{"hang":null}}}`)
		synctest.Wait()
		if hung.Load() || !delayed.Load() {
			t.Errorf("after the hang was ended: hung %t, delayed %t", hung.Load(), delayed.Load())
		}
		mustPatch(t, i, `{"database":null}`)
		synctest.Wait()
		if delayed.Load() {
			t.Error("a delayed call is still waiting")
		}
	})
}

// The log lists the active faults without ended ones.
func TestTheLogListsActiveFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log safeBuffer
		i := fault.NewInjector(fault.Options{Plan: fault.Default(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		mustPatch(t, i, `{"database":{"error":0.5,"for":"1m"}}`)
		time.Sleep(2 * time.Minute)
		mustPatch(t, i, `{"cpu":{"share":0.5,"for":"1m"}}`)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		for n, want := range []string{"database error 50 % for 1m0s", "cpu burn 50 % for 1m0s"} {
			if !strings.Contains(lines[n], "/buy/{concert_id} delay 1s to 4s; ") || !strings.Contains(lines[n], want) {
				t.Errorf("line %d lacks the delays or %q: %s", n, want, lines[n])
			}
		}
		if strings.Contains(lines[1], "database") {
			t.Errorf("the log contains an ended fault: %s", lines[1])
		}
		state := i.State()
		var listed []string
		for _, f := range state.Faults() {
			listed = append(listed, f.Field+": "+f.Words+": "+f.Left.String())
		}
		if got := listed[len(listed)-1]; got != "cpu: cpu burn 50 %: 1m0s" || len(listed) != 5 {
			t.Errorf("faults %q", listed)
		}
	})
}
