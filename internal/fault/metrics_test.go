package fault_test

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"onsale/internal/fault"
)

// faultNames are the values of the label fault.
var faultNames = []string{
	"cpu", "crash", "database_delay", "database_error", "delay", "deny", "error", "hang", "memory", "not_ready", "reset", "scrape_outage",
}

// series returns the values of a metric by the label fault ("" if it has none).
func series(t *testing.T, reg prometheus.Gatherer, name string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			label := ""
			for _, pair := range m.GetLabel() {
				label = pair.GetValue()
			}
			values[label] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}

// allZero returns all faults with value 0, except those given.
func allZero(except map[string]float64) map[string]float64 {
	values := map[string]float64{}
	for _, name := range faultNames {
		values[name] = except[name]
	}
	return values
}

func TestAllSeriesExistFromTheStart(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	fault.NewInjector(fault.Options{Registerer: reg})
	for _, name := range []string{"onsale_faults_injected_total", "onsale_fault_active"} {
		if got := series(t, reg, name); !maps.Equal(got, allZero(nil)) {
			t.Errorf("%s is %v", name, got)
		}
	}
	if got := series(t, reg, "onsale_fault_ballast_bytes"); !maps.Equal(got, map[string]float64{"": 0}) {
		t.Errorf("ballast is %v", got)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) != 0 {
		t.Errorf("metrics break conventions: %v, %v", problems, err)
	}
}

func TestTheDefaultPlanIsShown(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	fault.NewInjector(fault.Options{Registerer: reg, Plan: fault.Default()})
	if got := series(t, reg, "onsale_fault_active"); !maps.Equal(got, allZero(map[string]float64{"delay": 1, "deny": 1})) {
		t.Errorf("active is %v", got)
	}
}

// Each fault alone is injected twice and counted twice.
func TestEveryInjectedFaultIsCounted(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]fault.Plan{
		"deny":           onRoute(buy, fault.RouteFaults{Deny: 1}),
		"error":          onRoute(buy, fault.RouteFaults{Error: 1}),
		"reset":          onRoute(buy, fault.RouteFaults{Reset: 1}),
		"hang":           onRoute(buy, fault.RouteFaults{Hang: 1}),
		"delay":          onRoute(buy, fault.RouteFaults{Delay: fault.Delay{Fixed: time.Second}}),
		"database_delay": {Database: fault.DatabaseFaults{Delay: fault.Delay{Fixed: time.Second}}},
		"database_error": {Database: fault.DatabaseFaults{Error: 1}},
		"not_ready":      {NotReady: fault.Switch{On: true}},
		"scrape_outage":  {ScrapeOutage: fault.Switch{On: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := prometheus.NewPedanticRegistry()
				i := fault.NewInjector(fault.Options{Registerer: reg, Plan: plan})
				for range 2 {
					strike(t.Context(), i)
				}
				if got := series(t, reg, "onsale_faults_injected_total"); !maps.Equal(got, allZero(map[string]float64{name: 2})) {
					t.Errorf("counted %v", got)
				}
				if got := series(t, reg, "onsale_fault_active"); !maps.Equal(got, allZero(map[string]float64{name: 1})) {
					t.Errorf("active is %v", got)
				}
				mustSet(t, i, fault.Off())
				strike(t.Context(), i)
				if got := series(t, reg, "onsale_faults_injected_total"); !maps.Equal(got, allZero(map[string]float64{name: 2})) {
					t.Errorf("counted %v without faults", got)
				}
				if got := series(t, reg, "onsale_fault_active"); !maps.Equal(got, allZero(nil)) {
					t.Errorf("active is %v without faults", got)
				}
			})
		})
	}
}

// strike makes one call, transaction, probe and scrape.
func strike(ctx context.Context, i *fault.Injector) {
	_ = i.Route(ctx, buy)
	_ = i.Database(ctx)
	_, _ = i.Ready(), i.ScrapeDown()
}
