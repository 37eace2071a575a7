package catalog_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/fault"
)

const gib = 1 << 30

// laptop returns the site of `onsale up` on an ordinary laptop, shortly after its
// start.
func laptop(memory uint64, cpus int) catalog.Site {
	return catalog.Site{
		CPUs: cpus, Processors: cpus, MemoryTotal: memory, MemoryUsed: memory * 4 / 10, MemoryReserve: fault.MemoryReserve,
		QueueLimit: 8192, Users: 25, Watched: time.Minute,
	}
}

// find returns an alert of the demo pace.
func find(t *testing.T, s catalog.Settings, name string) catalog.Alert {
	t.Helper()
	alerts := catalog.Alerts(s, catalog.Demo())
	i := slices.IndexFunc(alerts, func(a catalog.Alert) bool { return a.Name == name })
	if i < 0 {
		t.Fatalf("no alert %s", name)
	}
	return alerts[i]
}

// On an ordinary laptop, every alert can be provoked or explains what to change.
// Every patch is a plan that ends by itself.
func TestProvokedOnLaptops(t *testing.T) {
	t.Parallel()
	cannot := []string{"QueueFilling", "BooksDoNotBalance", "ConcertSoldOut"}
	for _, memory := range []uint64{4 * gib, 8 * gib, 16 * gib, 64 * gib} {
		for _, cpus := range []int{2, 8, 16} {
			for _, a := range catalog.Alerts(catalog.DefaultSettings(), catalog.Demo()) {
				try := a.Provoked(laptop(memory, cpus), catalog.Demo())
				if slices.Contains(cannot, a.Name) {
					if try.Faults != "" || len(try.Cannot) < 40 {
						t.Errorf("%s: %+v", a.Name, try)
					}
					continue
				}
				_, ignored, err := fault.Parse(strings.NewReader(try.Faults))
				if err != nil || len(ignored) > 0 || try.Cannot != "" || !strings.Contains(try.Faults, `"for":`) {
					t.Errorf("%s: %+v: %v, ignored %q", a.Name, try, err, ignored)
				}
				if limit := 30 * time.Second; try.Within > limit && (a.Name != "HighMemory" || memory < 64*gib || try.Within > 2*limit) {
					t.Errorf("%s takes %s on %d GiB and %d processors", a.Name, try.Within, memory/gib, cpus)
				} else if try.Within > limit && !regexp.MustCompile(`\d+\.\d GiB .*--alert-memory-percent \d+\.`).MatchString(try.Slow) {
					t.Errorf("%s takes %s, and the reason is %q", a.Name, try.Within, try.Slow)
				}
			}
		}
	}
}

// A button works with any current plan, even one with another kind of delay or
// other durations. Afterwards the plan has the button's faults.
func TestProvokedWhateverIsInForce(t *testing.T) {
	t.Parallel()
	for _, before := range []string{
		`{"uniform":["1s","4s"],"for":"9m"}`, `{"lognormal":{"median":"20ms","p99":"300ms"}}`, `{"fixed":"1s"}`,
	} {
		plan, _, err := fault.Parse(strings.NewReader(fmt.Sprintf(`{"cpu":{"share":0.1},"memory":{"bytes":1},
			"database":{"delay":%s,"error":{"share":0.1,"for":"7m"}},
			"routes":{"/concerts":{"delay":%s,"error":{"share":0.1,"for":"7m"},"hang":0.1}}}`, before, before)))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range catalog.Alerts(catalog.DefaultSettings(), catalog.Demo()) {
			for _, patch := range []string{a.Provoked(laptop(16*gib, 8), catalog.Demo()).Faults, a.Provoke.Faults} {
				if patch == "" {
					continue
				}
				wanted, _, err := fault.Parse(strings.NewReader(patch))
				if err != nil {
					t.Fatalf("%s: %v", a.Name, err)
				}
				state, _, err := fault.NewInjector(fault.Options{Plan: plan}).Patch(t.Context(), []byte(patch))
				if err != nil {
					t.Errorf("%s: %s over a delay of %s: %v", a.Name, patch, before, err)
					continue
				}
				got := state.Faults()
				for _, want := range (fault.State{Plan: wanted}).Faults() {
					if !slices.ContainsFunc(got, func(f fault.Fault) bool {
						return f.Field == want.Field && (f.Words == want.Words || f.Field == "memory") && want.Left-f.Left < time.Second && f.Left <= want.Left
					}) {
						t.Errorf("%s: after %s the faults are %+v, want %+v", a.Name, patch, got, want)
					}
				}
			}
		}
	}
}

// If an alert cannot be provoked, the text explains why and what to change.
func TestProvokedElsewhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alert  string
		change func(*catalog.Site, *catalog.Settings)
		want   string // pattern of the text; empty if it can be provoked
	}{
		"a small container":       {"HighMemory", func(s *catalog.Site, _ *catalog.Settings) { s.MemoryTotal = 512 << 20 }, `512 MiB .*128 MiB must stay free.*--alert-memory-percent 74\.`},
		"the suggested threshold": {"HighMemory", func(s *catalog.Site, o *catalog.Settings) { s.MemoryTotal, o.MemoryPercent = 512<<20, 74 }, ""},
		"a high threshold":        {"HighMemory", func(_ *catalog.Site, o *catalog.Settings) { o.MemoryPercent = 99 }, `99 %.*--alert-memory-percent 94\.`},
		"memory unknown":          {"HighMemory", func(s *catalog.Site, _ *catalog.Settings) { s.MemoryTotal = 0 }, `cannot read the memory usage`},
		"few processors":          {"HighCPU", func(s *catalog.Site, _ *catalog.Settings) { s.Processors = 4 }, `4 of 8 processors.*--alert-cpu-percent 40\.`},
		"a short queue":           {"QueueFilling", func(s *catalog.Site, _ *catalog.Settings) { s.QueueLimit, s.Users = 8, 200 }, ""},
		"no users":                {"HighFailureRate", func(s *catalog.Site, _ *catalog.Settings) { s.Users = 0 }, `demo users \(0\).*set their number to 25`},
		"no users, metrics":       {"InstanceDown", func(s *catalog.Site, _ *catalog.Settings) { s.Users = 0 }, ""},
		"few users":               {"DatabaseSlow", func(s *catalog.Site, _ *catalog.Settings) { s.Users = 3 }, `demo users \(3\)`},
		"few users of items":      {"ItemErrors", func(s *catalog.Site, _ *catalog.Settings) { s.Users, s.Items = 3, true }, ""},
		"only items":              {"HighLatency", func(s *catalog.Site, _ *catalog.Settings) { s.Items = true }, `scenario to tickets`},
		"the other route":         {"HighDenialRate", func(s *catalog.Site, _ *catalog.Settings) { s.RandomDeny = true }, `/buy_random_deny.*scenario to tickets`},
		"the queue with users":    {"QueueFilling", func(s *catalog.Site, _ *catalog.Settings) { s.Users = 500 }, `8192 orders.*more than 4096.*500 demo users, about 25 wait.*--queue-limit 8 --crowd 200`},
	} {
		site, settings := laptop(16*gib, 8), catalog.DefaultSettings()
		c.change(&site, &settings)
		try := find(t, settings, c.alert).Provoked(site, catalog.Demo())
		if (try.Faults == "") != (c.want != "") || !regexp.MustCompile(c.want).MatchString(try.Cannot) {
			t.Errorf("%s: %+v, want %q", name, try, c.want)
		}
	}
}

// A slow burn takes longer the more good events it must outweigh. The attempt says
// so.
func TestSlowBurnsAreBursts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"AvailabilityBurnSlow", "LatencyBurnSlow"} {
		a, before := find(t, catalog.DefaultSettings(), name), time.Duration(0)
		for _, watched := range []time.Duration{0, time.Minute, 2 * time.Minute, time.Hour, 1 << 60} {
			site := laptop(16*gib, 8)
			site.Watched = watched
			try := a.Provoked(site, catalog.Demo())
			plan, _, err := fault.Parse(strings.NewReader(try.Faults))
			lasts := plan.Database.For + plan.Routes["/concerts"].For
			if err != nil || lasts < before || lasts < 8*time.Second || lasts > time.Minute || try.Within < lasts+8*time.Second {
				t.Errorf("%s after %s: %+v: %s, %v", name, watched, try, lasts, err)
			}
			if !regexp.MustCompile(`last 7m30s.*quicker`).MatchString(try.Slow) {
				t.Errorf("%s takes up to %s, and the reason is %q", name, try.Within, try.Slow)
			}
			before = lasts
		}
	}
}

// The other alerts that a provocation fires exist, occur once, and do not include
// the alert itself.
func TestFiresAreAlerts(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, a := range realAlerts() {
		names[a.Name] = true
	}
	for _, a := range realAlerts() {
		seen := map[string]bool{a.Name: true}
		for _, name := range a.Provoke.Fires {
			if !names[name] || seen[name] {
				t.Errorf("%s also fires %s", a.Name, name)
			}
			seen[name] = true
		}
	}
}
