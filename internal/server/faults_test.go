package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/fault"
	"onsale/internal/sale"
	"onsale/internal/server"
)

// The plan can be read and changed, and the answer lists the replicas that have applied it.
func TestFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.replicas = []fault.Replica{{ID: "a", Version: 1, SeenAgo: 1500 * time.Millisecond}, {ID: "b", Version: 0}}
	want(t, r.do("GET", "/faults", ""), 200, `{"version":0,"summary":"no faults: this sells for real","plan":{},"active":[],"in_force":[],`+
		`"replicas":[{"id":"a","version":1,"applied":false,"seen_seconds_ago":1.5},{"id":"b","version":0,"applied":true,"seen_seconds_ago":0}]}`)

	const plan = `{"seed":1,"routes":{"/buy/{concert_id}":{"delay":{"uniform":["1s","4s"]},"deny":0.5}},"scrape_outage":true}`
	w := r.do("PUT", "/faults", strings.Replace(plan, "{", `{"seeds":2,`, 1))
	set := faultState(t, w)
	if set.Version != 1 || !slices.Equal(set.Ignored, []string{"seeds"}) || len(set.Active) != 3 {
		t.Errorf("after setting: %s", w.Body)
	}
	if !set.Replicas[0].Applied || set.Replicas[1].Applied {
		t.Errorf("applied: %+v", set.Replicas)
	}
	wantProblem(t, r.do("GET", "/metrics", ""), 503, "injected")

	var shown struct{ Plan json.RawMessage }
	if err := json.Unmarshal(r.do("GET", "/faults", "").Body.Bytes(), &shown); err != nil {
		t.Fatal(err)
	}
	again := faultState(t, r.do("PUT", "/faults", string(shown.Plan)))
	if again.Version != 2 || again.Summary != set.Summary || again.Ignored != nil {
		t.Errorf("setting the plan that was read gives %+v", again)
	}

	if off := faultState(t, r.do("PUT", "/faults", `{"preset":"off"}`)); off.Version != 3 || len(off.Active) != 0 {
		t.Errorf("off: %+v", off)
	}
	if w := r.do("GET", "/metrics", ""); w.Code != 200 {
		t.Errorf("metrics: %d", w.Code)
	}
}

func faultState(t *testing.T, w *httptest.ResponseRecorder) server.FaultState {
	t.Helper()
	var s server.FaultState
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return s
}

// A patch changes only the faults that it names. The answer has a patch that ends each
// fault.
func TestPatchFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	faultState(t, r.do("PUT", "/faults", `{"preset":"default"}`))
	for _, contentType := range []string{"application/merge-patch+json", "application/json", "application/merge-patch+json; charset=utf-8", ""} {
		w := r.do("PATCH", "/faults", `{"routes":{"/buy/{concert_id}":{"deny":0.9,"for":"2m"}},"xyz":1}`, "Content-Type: "+contentType)
		s := faultState(t, w)
		if !slices.Contains(s.Ignored, "xyz") || len(s.InForce) != 5 || !strings.Contains(s.Summary, "/buy/{concert_id} delay 1s to 4s, deny 90 % for 2m0s;") {
			t.Errorf("%s: %s", contentType, w.Body)
		}
	}
	s := faultState(t, r.do("PATCH", "/faults", `{"database":{"error":0.5,"for":"30s"}}`))
	if s.Version != 6 || len(s.InForce) != 6 {
		t.Errorf("patched: %+v", s)
	}
	for n, f := range s.InForce {
		text, err := json.Marshal(f.End)
		if err != nil {
			t.Fatal(err)
		}
		left := faultState(t, r.do("PATCH", "/faults", string(text)))
		if want := s.InForce[n+1:]; len(left.InForce) != len(want) || len(want) > 0 && left.InForce[0].Fault != want[0].Fault {
			t.Errorf("after %s: %+v, want %+v", text, left.InForce, want)
		}
		if timed := f.LeftSeconds > 0 && f.LeftSeconds <= 120; timed != (f.Fault == "database.error" || strings.HasSuffix(f.Fault, `/buy/{concert_id}"].deny`)) {
			t.Errorf("%s has %v s left", f.Fault, f.LeftSeconds)
		}
	}
	for _, contentType := range []string{"application/json-patch+json", "text/plain", "application/xml", "application/x-www-form-urlencoded"} {
		p := wantProblem(t, r.do("PATCH", "/faults", `{"ready":false}`, "Content-Type: "+contentType), 415, "unsupported_media_type")
		if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Rule, "application/merge-patch+json") {
			t.Errorf("%s: %+v", contentType, p)
		}
	}
	p := wantProblem(t, r.do("PATCH", "/faults", `{"database":{"error":5}}`), 422, "invalid")
	if len(p.Errors) != 1 || p.Errors[0].Field != "database.error" {
		t.Errorf("the answer does not name the field: %+v", p)
	}
	r.faults.setErr = fault.ErrChanged
	wantProblem(t, r.do("PATCH", "/faults", `{"ready":false}`), 503, "busy")
}

// An invalid plan is rejected with the field named, and changes nothing.
func TestBadFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range append(slices.Clone(badBodies),
		bad{name: "share", body: `{"routes":{"/buy/{concert_id}":{"deny":1.5}}}`, status: 422, code: "invalid", field: `routes["/buy/{concert_id}"].deny`},
		bad{name: "route", body: `{"routes":{"/health":{}}}`, status: 422, code: "invalid", field: `routes["/health"]`},
		bad{name: "preset", body: `{"preset":"on"}`, status: 422, code: "invalid", field: "preset"},
		bad{name: "delay", body: `{"database":{"delay":{"fixed":5}}}`, status: 422, code: "invalid", field: "database.delay.fixed"},
	) {
		if c.name == "invalid UTF-8" {
			continue // it is in an unknown field, which is ignored
		}
		t.Run(c.name, func(t *testing.T) {
			c.check(t, r.do("PUT", "/faults", c.body, c.headers()...))
			if c.name != "preset" {
				c.check(t, r.do("PATCH", "/faults", c.body, c.headers()...))
			}
		})
	}
	if got := r.faults.State().Version; got != 0 {
		t.Errorf("%d plans were set", got)
	}
}

// The fault plan can be read without the database.
func TestFaultsWithoutDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hook(func(context.Context, string) error { return sale.ErrUnavailable })
	want(t, r.do("GET", "/faults", ""), 200, `{"version":0,"summary":"no faults: this sells for real","plan":{},"active":[],"in_force":[]}`)
	r.faults.setErr = sale.ErrUnavailable
	wantProblem(t, r.do("PUT", "/faults", `{"preset":"default"}`), 503, "unavailable")
}

// Faults are injected into each call once, under its route, and never into probes, metrics,
// the fault controls and pages.
func TestFaultsByRoute(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 10)
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	r.faults.route = func(context.Context, string) error { return fault.ErrInjected }
	var struck []string
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/concerts", ""},
		{"GET", "/concerts/1", ""},
		{"POST", "/concerts/new", `{"title":"t","date":"d","venue":"v","number_of_tickets":1}`},
		{"POST", "/buy/1", `{"user_email":"a@example.com","quantity":1}`},
		{"POST", "/buy_random_deny/1", `{"user_email":"a@example.com","quantity":1}`},
		{"GET", "/purchases", ""},
		{"GET", "/purchases/" + id, ""},
		{"DELETE", "/purchases/" + id, ""},
		{"GET", "/books", ""},
	} {
		before := len(r.faults.asked)
		wantProblem(t, r.do(c.method, c.path, c.body), 500, "injected")
		struck = append(struck, r.faults.asked[before:]...)
	}
	for _, route := range struck {
		if !slices.Contains(fault.Routes(), route) {
			t.Errorf("%s is not a route with faults", route)
		}
	}
	for _, route := range fault.Routes() {
		if !slices.Contains(struck, route) && !strings.HasPrefix(route, "/api/") {
			t.Errorf("no fault was injected into %s", route)
		}
	}
	if len(struck) != 9 {
		t.Errorf("faults were injected into %q, want 9 calls", struck)
	}
	for _, path := range []string{"/health", "/ready", "/metrics", "/faults", "/docs", "/openapi.json", "/openapi.yaml"} {
		if w := r.do("GET", path, ""); w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := r.do("PUT", "/faults", `{"preset":"off"}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := len(r.faults.asked); got != len(struck) {
		t.Errorf("faults were injected into exempt calls: %q", r.faults.asked[len(struck):])
	}
}

// Invalid requests are rejected before faults are injected.
func TestValidationBeforeFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/buy/1", `{}`)
	r.do("POST", "/concerts/new", `{"title":"","date":"d","venue":"v","number_of_tickets":1}`)
	r.do("GET", "/concerts/x", ``)
	r.do("GET", "/purchases?limit=x", ``)
	if len(r.faults.asked) != 0 {
		t.Errorf("faults were injected for %q", r.faults.asked)
	}
}

// The described plan has the same fields as the plan of the fault package.
func TestFaultPlanDescribed(t *testing.T) {
	t.Parallel()
	full := server.FaultPlan{
		Seed: 7,
		Routes: map[string]server.FaultPlanRoute{
			"/buy/{concert_id}": {
				Delay: &server.FaultPlanDelay{Fixed: "1s", For: "2m"}, Deny: map[string]any{"share": .1, "for": "1m"}, Error: .1, Reset: .1, Hang: .1, For: "1m",
			},
			"/concerts": {Delay: &server.FaultPlanDelay{Uniform: []string{"1s", "2s"}}},
			"/books":    {Delay: &server.FaultPlanDelay{LogNormal: &server.FaultPlanLogNormal{Median: "1s", P99: "2s"}}},
		},
		Database:     &server.FaultPlanDatabase{Delay: &server.FaultPlanDelay{Fixed: "1s"}, Error: .1, For: "1m"},
		CPU:          &server.FaultPlanCPU{Share: .1, For: "1m"},
		Memory:       &server.FaultPlanMemory{Bytes: 100, Percent: 50, For: "1m"},
		Crash:        map[string]any{"value": true, "after": "1m0s"},
		Ready:        map[string]any{"value": false, "for": "1m0s"},
		ScrapeOutage: map[string]any{"value": true, "for": "1m0s"},
	}
	for _, part := range []any{full, full.Routes["/buy/{concert_id}"], *full.Database, *full.CPU, *full.Memory} {
		v := reflect.ValueOf(part)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%T.%s is not set in this test", part, v.Type().Field(i).Name)
			}
		}
	}
	text, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	plan, ignored, err := fault.Parse(bytes.NewReader(text))
	if err != nil || len(ignored) != 0 {
		t.Fatalf("the fault package ignores %q of %s: %v", ignored, text, err)
	}
	if text, err = json.Marshal(plan); err != nil {
		t.Fatal(err)
	}
	var back server.FaultPlan
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&back); err != nil {
		t.Errorf("the description lacks a field of the fault package: %v", err)
	}
}

// The description of a patch allows null for each field of a plan, as in the patches of
// in_force, and its example is a valid patch.
func TestFaultsPatchDescribed(t *testing.T) {
	t.Parallel()
	type schema struct {
		Properties map[string]map[string]any
		Examples   []json.RawMessage
	}
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct{ Schema schema }
			}
		}
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(newRig(t).do("GET", "/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for mediaType, content := range doc.Paths["/faults"]["patch"].RequestBody.Content {
		patch, plan := content.Schema, doc.Components.Schemas["FaultPlan"]
		if len(patch.Properties) != len(plan.Properties) || len(plan.Properties) < 8 {
			t.Errorf("%s: a patch has %d fields, a plan %d", mediaType, len(patch.Properties), len(plan.Properties))
		}
		for name := range plan.Properties {
			field, there := patch.Properties[name]
			if !there || field["type"] != nil || field["$ref"] != nil {
				t.Errorf("%s: %s is described as %v, want any type", mediaType, name, field)
			}
		}
		for _, example := range patch.Examples {
			if _, ignored, err := fault.NewInjector(fault.Options{Plan: fault.Default()}).Patch(t.Context(), example); err != nil || len(ignored) > 0 {
				t.Errorf("%s: example %s: %v, ignored %q", mediaType, example, err, ignored)
			}
		}
		if len(patch.Examples) == 0 {
			t.Errorf("%s: no example", mediaType)
		}
	}
}
