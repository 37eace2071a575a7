package fault_test

import (
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"onsale/internal/fault"
)

// wholePlan uses every field, and wholePlanParsed is the same plan in Go.
const wholePlan = `{
	"seed": 7,
	"routes": {
		"/buy/{concert_id}": {"delay": {"uniform": ["1s", "4s"]}, "deny": 0.1, "error": 0.2, "reset": 0.3, "hang": 0.4, "for": "30s"},
		"/concerts": {"delay": {"lognormal": {"median": "200ms", "p99": "2s"}}}
	},
	"database": {"delay": {"fixed": "100ms"}, "error": 0.5, "for": "1m"},
	"cpu": {"share": 0.5, "for": "1m"},
	"memory": {"bytes": 104857600, "for": "2m"},
	"ready": {"value": false, "for": "30s"},
	"scrape_outage": {"for": "1h30m"}
}`

func wholePlanParsed() fault.Plan {
	return fault.Plan{
		Seed: 7,
		Routes: map[string]fault.RouteFaults{
			"/buy/{concert_id}": {
				Delay: fault.Delay{Uniform: fault.Range{Min: time.Second, Max: 4 * time.Second}},
				Deny:  0.1, Error: 0.2, Reset: 0.3, Hang: 0.4, For: 30 * time.Second,
			},
			"/concerts": {Delay: fault.Delay{LogNormal: fault.LogNormal{Median: 200 * time.Millisecond, P99: 2 * time.Second}}},
		},
		Database:     fault.DatabaseFaults{Delay: fault.Delay{Fixed: 100 * time.Millisecond}, Error: 0.5, For: time.Minute},
		CPU:          fault.CPUBurn{Share: 0.5, For: time.Minute},
		Memory:       fault.Ballast{Bytes: 104857600, For: 2 * time.Minute},
		NotReady:     fault.Switch{On: true, For: 30 * time.Second},
		ScrapeOutage: fault.Switch{On: true, For: 90 * time.Minute},
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	deny := func(route string, share float64) fault.Plan {
		return fault.Plan{Routes: map[string]fault.RouteFaults{route: {Deny: share}}}
	}
	for name, test := range map[string]struct {
		text string
		want fault.Plan
	}{
		"whole plan":      {wholePlan, wholePlanParsed()},
		"preset off":      {`{"preset":"off"}`, fault.Off()},
		"preset default":  {`{"preset":"default"}`, fault.Default()},
		"nothing":         {`{}`, fault.Off()},
		"everything null": {`{"seed":null,"routes":null,"database":null,"cpu":null,"memory":null,"ready":null,"scrape_outage":null,"crash":null}`, fault.Off()},
		"crash":           {`{"crash":true}`, fault.Plan{Crash: fault.Crash{On: true}}},
		"crash, long":     {`{"crash":{"after":"5s"}}`, fault.Plan{Crash: fault.Crash{On: true, After: 5 * time.Second}}},
		"no crash":        {`{"crash":{"value":false,"after":"5s"}}`, fault.Off()},
		"memory filled":   {`{"memory":{"percent":80.5}}`, fault.Plan{Memory: fault.Ballast{Percent: 80.5}}},
		"own times": {
			`{"database":{"error":{"share":0.5,"for":"1m"},"delay":{"fixed":"1s","for":"2m"},"for":"3m"}}`,
			fault.Plan{Database: fault.DatabaseFaults{
				Delay: fault.Delay{Fixed: time.Second}, Error: 0.5,
				Own: fault.DatabaseTimes{Delay: 2 * time.Minute, Error: time.Minute},
			}},
		},
		"own times, all the same": {
			`{"routes":{"/books":{"error":{"share":0.5,"for":"1m"},"hang":{"share":1,"for":"1m"}}}}`,
			fault.Plan{Routes: map[string]fault.RouteFaults{"/books": {Error: 0.5, Hang: 1, For: time.Minute}}},
		},
		"route of null":            {`{"routes":{"/books":null}}`, fault.Off()},
		"zeros inject nothing":     {`{"routes":{"/books":{"delay":{"uniform":["0s","0s"]},"error":0,"for":"1s"}},"cpu":{"share":0,"for":"1s"},"ready":{"value":true,"for":"1s"}}`, fault.Off()},
		"not ready":                {`{"ready":false}`, fault.Plan{NotReady: fault.Switch{On: true}}},
		"ready":                    {`{"ready":true}`, fault.Off()},
		"ready without value":      {`{"ready":{}}`, fault.Off()},
		"scrape outage":            {`{"scrape_outage":true}`, fault.Plan{ScrapeOutage: fault.Switch{On: true}}},
		"no scrape outage":         {`{"scrape_outage":false}`, fault.Off()},
		"scrape outage, long":      {`{"scrape_outage":{"value":true}}`, fault.Plan{ScrapeOutage: fault.Switch{On: true}}},
		"no scrape outage, long":   {`{"scrape_outage":{"value":false,"for":"1s"}}`, fault.Off()},
		"deny the one":             {`{"routes":{"/buy/{concert_id}":{"deny":1}}}`, deny("/buy/{concert_id}", 1)},
		"deny the other":           {`{"routes":{"/buy_random_deny/{concert_id}":{"deny":1e-3}}}`, deny("/buy_random_deny/{concert_id}", 0.001)},
		"largest seed":             {`{"seed":9007199254740991}`, fault.Plan{Seed: fault.MaxSeed}},
		"space around":             {" \n{} \n", fault.Off()},
		"a delay of the limit":     {`{"database":{"delay":{"fixed":"10m"}}}`, fault.Plan{Database: fault.DatabaseFaults{Delay: fault.Delay{Fixed: fault.MaxDelay}}}},
		"a fault of the limit":     {`{"cpu":{"share":1,"for":"24h"}}`, fault.Plan{CPU: fault.CPUBurn{Share: 1, For: fault.MaxFor}}},
		"a lognormal of one value": {`{"database":{"delay":{"lognormal":{"median":"1s","p99":"1s"}}}}`, fault.Plan{Database: fault.DatabaseFaults{Delay: fault.Delay{LogNormal: fault.LogNormal{Median: time.Second, P99: time.Second}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ignored, err := fault.Parse(strings.NewReader(test.text))
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			if len(ignored) != 0 {
				t.Errorf("ignored %q, want nothing", ignored)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// Every plan here breaks one rule, and the error names the field.
func TestParseNamesTheFieldThatBreaksARule(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, field, rule string }{
		{`[]`, "", "JSON object"},
		{`null`, "", "JSON object"},
		{`"off"`, "", "JSON object"},
		{`{"preset":"on"}`, "preset", `"off" or "default"`},
		{`{"preset":1}`, "preset", "string"},
		{`{"preset":"off","seed":1}`, "preset", "only field"},
		{`{"preset":"default","nonsense":1}`, "preset", "only field"},
		{`{"seed":-1}`, "seed", "whole number"},
		{`{"seed":1.5}`, "seed", "whole number"},
		{`{"seed":"1"}`, "seed", "whole number"},
		{`{"seed":9007199254740992}`, "seed", "9007199254740991"},
		{`{"seed":1e400}`, "seed", "whole number"},
		{`{"routes":[]}`, "routes", "object"},
		{`{"routes":{"/buy":{}}}`, `routes["/buy"]`, "/buy_random_deny/{concert_id}"},
		{`{"routes":{"/health":{}}}`, `routes["/health"]`, "/concerts/new"},
		{`{"routes":{"/faults":{"error":1}}}`, `routes["/faults"]`, "/api/items"},
		{`{"routes":{"/metrics":null}}`, `routes["/metrics"]`, "/books"},
		{`{"routes":{"/books":1}}`, `routes["/books"]`, "object"},
		{`{"routes":{"/books":{"deny":0.1}}}`, `routes["/books"].deny`, "only /buy/{concert_id}"},
		{`{"routes":{"/books":{"error":1.01}}}`, `routes["/books"].error`, "between 0 and 1"},
		{`{"routes":{"/books":{"error":"0.1"}}}`, `routes["/books"].error`, "number"},
		{`{"routes":{"/books":{"error":true}}}`, `routes["/books"].error`, "number"},
		{`{"routes":{"/books":{"error":1e999}}}`, `routes["/books"].error`, "number"},
		{`{"routes":{"/books":{"reset":-0.1}}}`, `routes["/books"].reset`, "between 0 and 1"},
		{`{"routes":{"/books":{"hang":2}}}`, `routes["/books"].hang`, "between 0 and 1"},
		{`{"routes":{"/books":{"for":"0s"}}}`, `routes["/books"].for`, "more than 0s"},
		{`{"routes":{"/books":{"for":"-1s"}}}`, `routes["/books"].for`, "more than 0s"},
		{`{"routes":{"/books":{"for":"24h1s"}}}`, `routes["/books"].for`, "24h"},
		{`{"routes":{"/books":{"for":30}}}`, `routes["/books"].for`, "duration"},
		{`{"routes":{"/books":{"delay":"1s"}}}`, `routes["/books"].delay`, "object"},
		{`{"routes":{"/books":{"delay":{"fixed":"-1s"}}}}`, `routes["/books"].delay.fixed`, "between 0s and 10m0s"},
		{`{"routes":{"/books":{"delay":{"fixed":"10m1s"}}}}`, `routes["/books"].delay.fixed`, "between 0s and 10m0s"},
		{`{"routes":{"/books":{"delay":{"fixed":"9999999h"}}}}`, `routes["/books"].delay.fixed`, "duration"},
		{`{"routes":{"/books":{"delay":{"fixed":5}}}}`, `routes["/books"].delay.fixed`, "duration"},
		{`{"routes":{"/books":{"delay":{"fixed":""}}}}`, `routes["/books"].delay.fixed`, "duration"},
		{`{"routes":{"/books":{"delay":{"fixed":"1s","uniform":["1s","2s"]}}}}`, `routes["/books"].delay`, "only one"},
		{`{"routes":{"/books":{"delay":{"uniform":["0s","0s"],"lognormal":{}}}}}`, `routes["/books"].delay`, "only one"},
		{`{"routes":{"/books":{"delay":{"uniform":["4s","1s"]}}}}`, `routes["/books"].delay.uniform`, "shorter delay first"},
		{`{"routes":{"/books":{"delay":{"uniform":["1s"]}}}}`, `routes["/books"].delay.uniform`, "two durations"},
		{`{"routes":{"/books":{"delay":{"uniform":"1s"}}}}`, `routes["/books"].delay.uniform`, "two durations"},
		{`{"routes":{"/books":{"delay":{"uniform":["1s",null]}}}}`, `routes["/books"].delay.uniform[1]`, "duration"},
		{`{"routes":{"/books":{"delay":{"uniform":["-1s","1s"]}}}}`, `routes["/books"].delay.uniform[0]`, "between 0s and 10m0s"},
		{`{"routes":{"/books":{"delay":{"lognormal":{"median":"2s"}}}}}`, `routes["/books"].delay.lognormal.p99`, "shorter than the median"},
		{`{"routes":{"/books":{"delay":{"lognormal":{"p99":"2s"}}}}}`, `routes["/books"].delay.lognormal.median`, "more than 0s"},
		{`{"routes":{"/books":{"delay":{"lognormal":{"median":"1s","p99":"11m"}}}}}`, `routes["/books"].delay.lognormal.p99`, "10m0s"},
		{`{"database":true}`, "database", "object"},
		{`{"database":{"error":2}}`, "database.error", "between 0 and 1"},
		{`{"database":{"for":"0s"}}`, "database.for", "more than 0s"},
		{`{"database":{"delay":{"fixed":"1h"}}}`, "database.delay.fixed", "10m0s"},
		{`{"cpu":{"share":1.5}}`, "cpu.share", "between 0 and 1"},
		{`{"cpu":{"for":"100h"}}`, "cpu.for", "24h"},
		{`{"memory":{"bytes":-1}}`, "memory.bytes", "whole number"},
		{`{"memory":{"bytes":1e18}}`, "memory.bytes", "whole number"},
		{`{"memory":{"bytes":1099511627777}}`, "memory.bytes", "1099511627776"},
		{`{"memory":{"bytes":1,"for":"x"}}`, "memory.for", "duration"},
		{`{"ready":"false"}`, "ready", "object"},
		{`{"ready":{"value":0}}`, "ready.value", "true or false"},
		{`{"ready":{"value":false,"for":"25h"}}`, "ready.for", "24h"},
		{`{"scrape_outage":1}`, "scrape_outage", "object"},
		{`{"database":{"error":{"for":"1m"}}}`, "database.error.share", "is required"},
		{`{"database":{"error":{"share":2}}}`, "database.error", "between 0 and 1"},
		{`{"database":{"error":{"share":1,"for":"0s"}}}`, "database.error.for", "more than 0s"},
		{`{"database":{"delay":{"fixed":"1s","for":"25h"}}}`, "database.delay.for", "24h"},
		{`{"memory":{"percent":96}}`, "memory.percent", "between 0 and 95"},
		{`{"memory":{"percent":-1}}`, "memory.percent", "between 0 and 95"},
		{`{"crash":{"after":"25h"}}`, "crash.after", "between 0s and 24h"},
		{`{"crash":1}`, "crash", "object"},
		{`{"scrape_outage":{"for":"-1s"}}`, "scrape_outage.for", "more than 0s"},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			planErr := parseError(t, test.text)
			if planErr.Field != test.field {
				t.Errorf("field is %q, want %q (%v)", planErr.Field, test.field, planErr)
			}
			if !strings.Contains(planErr.Rule, test.rule) {
				t.Errorf("rule is %q, want %q in it", planErr.Rule, test.rule)
			}
			if errors.Is(planErr, fault.ErrMalformed) {
				t.Errorf("%v is ErrMalformed, although it is JSON", planErr)
			}
		})
	}
}

func TestParseRejectsInvalidJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, ` `, `{`, `{"seed":1`, `{"cpu":{"share":NaN}}`, `{"cpu":{"share":Infinity}}`, `{"cpu":{"share":.5}}`,
		`{} {}`, `{}x`, `{"preset":"off"}]`, "\x00", `{'seed':1}`, strings.Repeat(`{"a":`, 20_000),
	} {
		t.Run(strconv.Quote(text[:min(len(text), 40)]), func(t *testing.T) {
			t.Parallel()
			planErr := parseError(t, text)
			if planErr.Field != "" || !errors.Is(planErr, fault.ErrMalformed) {
				t.Errorf("error is %q (field %q), want ErrMalformed without a field", planErr, planErr.Field)
			}
			if !strings.HasPrefix(planErr.Error(), "plan must be JSON") {
				t.Errorf("error is %q", planErr)
			}
		})
	}
}

func TestParseListsUnknownFields(t *testing.T) {
	t.Parallel()
	plan, ignored, err := fault.Parse(strings.NewReader(`{
		"Seed": 9, "sede": 1, "a b": 1, "preset": null,
		"routes": {"/books": {"error": 0.5, "latency": "1s", "delay": {"fixed": "1s", "jitter": 1}}},
		"database": {"delay": {"lognormal": {"median": "1s", "p99": "1s", "mu": 1}}},
		"ready": {"value": false, "since": "now"}
	}`))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	want := []string{
		`["Seed"]`, `["a b"]`, "database.delay.lognormal.mu", "ready.since",
		`routes["/books"].delay.jitter`, `routes["/books"].latency`, "sede",
	}
	if !reflect.DeepEqual(ignored, want) {
		t.Errorf("ignored %q\nwant    %q", ignored, want)
	}
	if plan.Seed != 0 || plan.Routes["/books"].Error != 0.5 || !plan.NotReady.On {
		t.Errorf("the known fields were not parsed: %+v", plan)
	}
}

// A plan without any known field would switch everything off by accident. Examples
// are the response of GET /faults and the plan of another program.
func TestParseRejectsPlansWithoutKnownFields(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"version":1,"plan":{"seed":1},"active":[]}`, `{"bogus":1}`, `{"schedule":[]}`} {
		if err := parseError(t, text); !strings.Contains(err.Rule, "not a field of a plan") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, ignored, err := fault.Parse(strings.NewReader(`{"bogus":1,"seed":1}`)); err != nil || len(ignored) != 1 {
		t.Errorf("with one known field: %v, ignored %q", err, ignored)
	}
	if plan, _, err := fault.Parse(strings.NewReader(`{}`)); err != nil || plan.Summary() != fault.Off().Summary() {
		t.Errorf("{}: %v, %v", plan, err)
	}
}

// Errors and lists of ignored fields repeat user input only up to a limit.
func TestParseLimitsRepeatedInput(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 10_000)
	if err := parseError(t, `{"routes":{"/`+long+`":{}}}`); len(err.Field) > 200 {
		t.Errorf("the field in the error has %d bytes", len(err.Field))
	}
	var text strings.Builder
	text.WriteString(`{"seed":1,"` + long + `":0`)
	for n := range 1000 {
		text.WriteString(`,"x` + strconv.Itoa(n) + `":0`)
	}
	text.WriteString("}")
	_, ignored, err := fault.Parse(strings.NewReader(text.String()))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if len(ignored) != fault.MaxIgnored {
		t.Errorf("%d fields are listed, want %d", len(ignored), fault.MaxIgnored)
	}
}

func TestParseReturnsTheReadersError(t *testing.T) {
	t.Parallel()
	broken := errors.New("too large")
	_, _, err := fault.Parse(io.MultiReader(strings.NewReader(`{"seed":1}`), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("error is %v, want %v", err, broken)
	}
	if _, isPlanError := errors.AsType[*fault.PlanError](err); isPlanError {
		t.Errorf("%v is a *PlanError", err)
	}
}

// parseError parses an invalid plan and returns the error.
func parseError(t *testing.T, text string) *fault.PlanError {
	t.Helper()
	plan, ignored, err := fault.Parse(strings.NewReader(text))
	planErr, ok := errors.AsType[*fault.PlanError](err)
	if !ok {
		t.Fatalf("error is %v, want a *PlanError", err)
	}
	if !reflect.DeepEqual(plan, fault.Plan{}) || ignored != nil {
		t.Errorf("a rejected plan is returned: %+v, %q", plan, ignored)
	}
	return planErr
}
