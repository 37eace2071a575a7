package fault_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/fault"
)

func TestRoutesAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	want := []string{
		"/api/items", "/api/items/{item_id}", "/api/token", "/books", "/buy/{concert_id}", "/buy_random_deny/{concert_id}",
		"/concerts", "/concerts/new", "/concerts/{id}", "/purchases", "/purchases/{id}",
	}
	if got := fault.Routes(); !slices.Equal(got, want) {
		t.Errorf("routes are %q", got)
	}
	for _, route := range want {
		plan := fault.Plan{Routes: map[string]fault.RouteFaults{route: {Error: 0.5}}}
		if err := plan.Validate(); err != nil {
			t.Errorf("plan for %s: %v", route, err)
		}
	}
}

func TestPresetsAreValid(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]fault.Plan{"off": fault.Off(), "default": fault.Default(), "whole": wholePlanParsed()} {
		if err := plan.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// These values exist only in Go, not in JSON.
func TestValidateRejectsValuesBeyondJSON(t *testing.T) {
	t.Parallel()
	second := fault.Range{Min: time.Second, Max: time.Second}
	for field, plan := range map[string]fault.Plan{
		"seed":                             {Seed: math.MaxUint64},
		"cpu.share":                        {CPU: fault.CPUBurn{Share: math.NaN()}},
		"database.error":                   {Database: fault.DatabaseFaults{Error: math.Inf(1)}},
		"memory.bytes":                     {Memory: fault.Ballast{Bytes: math.MaxUint64}},
		"memory.for":                       {Memory: fault.Ballast{For: math.MinInt64}},
		"ready.for":                        {NotReady: fault.Switch{On: true, For: -1}},
		"database.delay":                   {Database: fault.DatabaseFaults{Delay: fault.Delay{Fixed: 1, Uniform: second}}},
		"scrape_outage.for":                {ScrapeOutage: fault.Switch{For: math.MaxInt64}},
		`routes["/buy/{concert_id}"].deny`: {Routes: map[string]fault.RouteFaults{"/buy/{concert_id}": {Deny: math.NaN()}}},
		`routes["/books"].deny`:            {Routes: map[string]fault.RouteFaults{"/books": {Deny: math.NaN()}}},
		`routes["/books"].delay.uniform[1]`: {Routes: map[string]fault.RouteFaults{
			"/books": {Delay: fault.Delay{Uniform: fault.Range{Max: math.MaxInt64}}},
		}},
	} {
		planErr, ok := errors.AsType[*fault.PlanError](plan.Validate())
		if !ok || planErr.Field != field {
			t.Errorf("error is %v, want one that names %s", plan.Validate(), field)
		}
	}
}

// The golden files show what clients get. Clients can send it back unchanged.
func TestMarshalRoundTrip(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]fault.Plan{
		"off":     fault.Off(),
		"default": fault.Default(),
		"whole":   wholePlanParsed(),
		"endless": {
			Database: fault.DatabaseFaults{Delay: fault.Delay{Uniform: fault.Range{Max: 1500 * time.Microsecond}}},
			CPU:      fault.CPUBurn{Share: 1}, Memory: fault.Ballast{Bytes: 1},
			NotReady: fault.Switch{On: true}, ScrapeOutage: fault.Switch{On: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			written, err := json.MarshalIndent(plan, "", "  ")
			if err != nil {
				t.Fatalf("marshal: %v", err)
			}
			golden(t, name+".golden.json", append(written, '\n'))
			var read fault.Plan
			if err := json.Unmarshal(written, &read); err != nil {
				t.Fatalf("unmarshal: %v", err)
			}
			if !reflect.DeepEqual(read, plan) {
				t.Errorf("read  %+v\nwrote %+v", read, plan)
			}
		})
	}
}

func TestMarshalLeavesOutFaultsWithoutEffect(t *testing.T) {
	t.Parallel()
	idle := fault.Plan{
		Routes:   map[string]fault.RouteFaults{"/books": {For: time.Second}, "/concerts": {}},
		Database: fault.DatabaseFaults{For: time.Second},
		CPU:      fault.CPUBurn{For: time.Second}, Memory: fault.Ballast{For: time.Second},
		NotReady: fault.Switch{For: time.Second}, ScrapeOutage: fault.Switch{For: time.Second},
	}
	written, err := json.Marshal(idle)
	if err != nil || string(written) != "{}" {
		t.Errorf("written as %s (%v), want {}", written, err)
	}
	if idle.Routes["/books"].For != time.Second {
		t.Error("marshalling changed the plan")
	}
}

func TestUnmarshalNamesTheField(t *testing.T) {
	t.Parallel()
	kept := fault.Default()
	err := json.Unmarshal([]byte(`{"cpu":{"share":2}}`), &kept)
	if planErr, ok := errors.AsType[*fault.PlanError](err); !ok || planErr.Field != "cpu.share" {
		t.Errorf("error is %v", err)
	}
	if !reflect.DeepEqual(kept, fault.Default()) {
		t.Error("an invalid plan was applied")
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plan fault.Plan
		want string
	}{
		"off":       {fault.Off(), "no faults: this sells for real"},
		"seed only": {fault.Plan{Seed: 1}, "no faults: this sells for real"},
		"default": {
			fault.Default(),
			"faults on: /api/items delay 100ms to 500ms; /buy/{concert_id} delay 1s to 4s; /buy_random_deny/{concert_id} delay 1s to 4s, deny 9.9 %",
		},
		"whole": {
			wholePlanParsed(),
			"faults on: /buy/{concert_id} delay 1s to 4s, deny 10 %, error 20 %, reset 30 %, hang 40 % for 30s; " +
				"/concerts delay of median 200ms and p99 2s; database delay 100ms, error 50 % for 1m0s; cpu burn 50 % for 1m0s; " +
				"memory ballast of 104857600 bytes for 2m0s; not ready for 30s; scrape outage for 1h30m0s",
		},
	} {
		if got := test.plan.Summary(); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

// FuzzParse checks that Parse never panics. Accepted plans are valid, and survive
// encoding and parsing without loss and without unknown fields.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		wholePlan, `{}`, `{"preset":"off"}`, `{"preset":"default"}`, `{"ready":false,"x":[{"y":1}]}`, `{"cpu":{"share":-0}}`,
		`{"routes":{"/buy/{concert_id}":{"deny":1e-320,"for":"1ns"}}}`, `{"database":{"delay":{"lognormal":{"median":"1ns","p99":"10m"}}}}`,
		`{"memory":{"bytes":1099511627776}}`, `{"routes":{"":null}}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		plan, _, err := fault.Parse(bytes.NewReader(data))
		if err != nil {
			if _, ok := errors.AsType[*fault.PlanError](err); !ok {
				t.Fatalf("error is %v, want a *PlanError", err)
			}
			return
		}
		if err := plan.Validate(); err != nil {
			t.Fatalf("accepted, but not valid: %v", err)
		}
		if summary := plan.Summary(); strings.Contains(summary, "\n") {
			t.Fatalf("summary has more than one line: %q", summary)
		}
		written, err := json.Marshal(plan)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		again, ignored, err := fault.Parse(bytes.NewReader(written))
		if err != nil || len(ignored) != 0 {
			t.Fatalf("read back %s: %v, ignored %q", written, err, ignored)
		}
		if !reflect.DeepEqual(again, plan) {
			t.Fatalf("read back %+v\nwrote     %+v", again, plan)
		}
	})
}

// golden compares got with a file in testdata, or writes the file with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatalf("write golden file: %v", err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read golden file: %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%swant\n%s", name, got, want)
	}
}
