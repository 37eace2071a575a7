package fault_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/fault"
)

const (
	buy     = "/buy/{concert_id}"
	buyDeny = "/buy_random_deny/{concert_id}"
	books   = "/books"
)

// onRoute returns a plan with the faults of one route and a fixed seed.
func onRoute(route string, f fault.RouteFaults) fault.Plan {
	return fault.Plan{Seed: 42, Routes: map[string]fault.RouteFaults{route: f}}
}

// injector returns an injector of the plan without a store.
func injector(t *testing.T, plan fault.Plan) *fault.Injector {
	t.Helper()
	if err := plan.Validate(); err != nil {
		t.Fatalf("plan: %v", err)
	}
	return fault.NewInjector(fault.Options{Plan: plan, Replica: "one"})
}

func TestAnEmptyPlanInjectsNothing(t *testing.T) {
	t.Parallel()
	i := fault.NewInjector(fault.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a call without delay does not check its context
	for _, route := range append(fault.Routes(), "/nowhere") {
		if err := i.Route(ctx, route); err != nil {
			t.Errorf("%s: %v", route, err)
		}
	}
	if err := i.Database(ctx); err != nil {
		t.Errorf("database: %v", err)
	}
	if !i.Ready() || i.ScrapeDown() || len(i.Active()) != 0 {
		t.Errorf("ready %v, scrape down %v, active %q", i.Ready(), i.ScrapeDown(), i.Active())
	}
}

// Each plan contains the expected fault and all faults after it in the order.
func TestOnlyTheFirstFaultApplies(t *testing.T) {
	t.Parallel()
	delay := fault.Delay{Fixed: time.Second}
	for name, test := range map[string]struct {
		faults fault.RouteFaults
		want   error
		after  time.Duration
	}{
		"deny":  {fault.RouteFaults{Deny: 1, Error: 1, Reset: 1, Hang: 1, Delay: delay}, fault.ErrDenied, 0},
		"error": {fault.RouteFaults{Error: 1, Reset: 1, Hang: 1, Delay: delay}, fault.ErrInjected, 0},
		"reset": {fault.RouteFaults{Reset: 1, Hang: 1, Delay: delay}, fault.ErrReset, 0},
		"hang":  {fault.RouteFaults{Hang: 1, Delay: delay}, nil, fault.MaxHang},
		"delay": {fault.RouteFaults{Delay: delay}, nil, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := injector(t, onRoute(buy, test.faults))
				begin := time.Now()
				if err := i.Route(t.Context(), buy); !errors.Is(err, test.want) || time.Since(begin) != test.after {
					t.Errorf("%v after %v, want %v after %v", err, time.Since(begin), test.want, test.after)
				}
				begin = time.Now()
				if err := i.Route(t.Context(), buyDeny); err != nil || time.Since(begin) != 0 {
					t.Errorf("another route: %v after %v", err, time.Since(begin))
				}
			})
		})
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	minute := fault.Delay{Fixed: time.Minute}
	for name, plan := range map[string]fault.Plan{
		"delay":    onRoute(books, fault.RouteFaults{Delay: minute}),
		"hang":     onRoute(books, fault.RouteFaults{Hang: 1}),
		"database": {Database: fault.DatabaseFaults{Delay: minute, Error: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := injector(t, plan)
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				begin := time.Now()
				err := errors.Join(i.Route(ctx, books), i.Database(ctx))
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 3*time.Second {
					t.Errorf("%v after %v, want the context's error after 3s", err, time.Since(begin))
				}
			})
		})
	}
}

func TestHangEndsWithItsFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := injector(t, onRoute(books, fault.RouteFaults{Hang: 1, Delay: fault.Delay{Fixed: time.Second}, For: 30 * time.Second}))
		time.Sleep(10 * time.Second)
		begin := time.Now()
		if err := i.Route(t.Context(), books); err != nil || time.Since(begin) != 20*time.Second {
			t.Errorf("%v after %v, want nil when the fault's 30s are over", err, time.Since(begin))
		}
	})
}

func TestHangEndsWithItsPlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := injector(t, onRoute(books, fault.RouteFaults{Hang: 1}))
		released := make(chan time.Time, 1)
		go func() {
			if err := i.Route(t.Context(), books); err != nil {
				t.Errorf("hung call: %v", err)
			}
			released <- time.Now()
		}()
		time.Sleep(time.Second)
		set := time.Now()
		mustSet(t, i, fault.Off())
		if at := <-released; !at.Equal(set) {
			t.Errorf("ended %v after the plan was set", at.Sub(set))
		}
	})
}

func TestFaultsEndByThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		plan := fault.Plan{
			Routes:       map[string]fault.RouteFaults{buy: {Deny: 1, For: 10 * time.Second}, buyDeny: {Deny: 1, For: 20 * time.Second}, books: {Error: 1}},
			Database:     fault.DatabaseFaults{Error: 1, For: 30 * time.Second},
			NotReady:     fault.Switch{On: true, For: 40 * time.Second},
			ScrapeOutage: fault.Switch{On: true, For: 50 * time.Second},
		}
		i := injector(t, fault.Off())
		time.Sleep(time.Hour) // the faults start when the plan is set
		mustSet(t, i, plan)
		for _, step := range []struct {
			at     time.Duration
			active []string
		}{
			{0, []string{"database_error", "deny", "error", "not_ready", "scrape_outage"}},
			{10 * time.Second, []string{"database_error", "deny", "error", "not_ready", "scrape_outage"}},
			{20*time.Second - 1, []string{"database_error", "deny", "error", "not_ready", "scrape_outage"}},
			{20 * time.Second, []string{"database_error", "error", "not_ready", "scrape_outage"}},
			{30 * time.Second, []string{"error", "not_ready", "scrape_outage"}},
			{40 * time.Second, []string{"error", "scrape_outage"}},
			{50 * time.Second, []string{"error"}},
			{24 * time.Hour, []string{"error"}},
		} {
			time.Sleep(step.at - i.State().Age)
			if got := i.Active(); !slices.Equal(got, step.active) {
				t.Errorf("after %v: active %q, want %q", step.at, got, step.active)
			}
			for name, call := range map[string]struct{ hit, want bool }{
				"buy":      {i.Route(t.Context(), buy) != nil, step.at < 10*time.Second},
				"buy deny": {i.Route(t.Context(), buyDeny) != nil, step.at < 20*time.Second},
				"books":    {i.Route(t.Context(), books) != nil, true},
				"database": {i.Database(t.Context()) != nil, step.at < 30*time.Second},
				"ready":    {!i.Ready(), step.at < 40*time.Second},
				"scrape":   {i.ScrapeDown(), step.at < 50*time.Second},
			} {
				if call.hit != call.want {
					t.Errorf("after %v: %s is hit: %v, want %v", step.at, name, call.hit, call.want)
				}
			}
		}
		if state := i.State(); state.Plan.NotReady != plan.NotReady {
			t.Errorf("the plan is lost when its faults are over: %+v", state.Plan)
		}
	})
}

func TestDatabaseDelaysThenFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := injector(t, fault.Plan{Database: fault.DatabaseFaults{Delay: fault.Delay{Fixed: time.Second}, Error: 1}})
		begin := time.Now()
		if err := i.Database(t.Context()); !errors.Is(err, fault.ErrInjected) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v, want ErrInjected after 1s", err, time.Since(begin))
		}
	})
}

// The shares of n calls are within 4 standard deviations of the binomial
// distribution, and a fault that is not in the plan never occurs.
func TestSharesAreKept(t *testing.T) {
	t.Parallel()
	const n = 100_000
	i := injector(t, onRoute(buyDeny, fault.RouteFaults{Deny: 0.099, Error: 0.5}))
	counts := map[error]int{}
	for range n {
		counts[i.Route(t.Context(), buyDeny)]++
	}
	for err, share := range map[error]float64{fault.ErrDenied: 0.099, fault.ErrInjected: 0.901 * 0.5, nil: 0.901 * 0.5, fault.ErrReset: 0} {
		slack := 4 * math.Sqrt(n*share*(1-share))
		if got := float64(counts[err]); math.Abs(got-n*share) > slack {
			t.Errorf("%v: %v of %d calls, want %v ± %.0f", err, got, n, n*share, slack)
		}
	}
}

// waits returns the sorted virtual delays of n calls.
func waits(t *testing.T, d fault.Delay, n int) []time.Duration {
	t.Helper()
	i := injector(t, onRoute(books, fault.RouteFaults{Delay: d}))
	got := make([]time.Duration, n)
	for k := range got {
		begin := time.Now()
		if err := i.Route(t.Context(), books); err != nil {
			t.Fatalf("delayed call: %v", err)
		}
		got[k] = time.Since(begin)
	}
	slices.Sort(got)
	return got
}

func TestUniformDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		got := waits(t, fault.Delay{Uniform: fault.Range{Min: time.Second, Max: 4 * time.Second}}, n)
		if got[0] < time.Second || got[n-1] > 4*time.Second {
			t.Errorf("waits from %v to %v, want 1s to 4s", got[0], got[n-1])
		}
		// The Kolmogorov–Smirnov distance is above 1.95/√n once in 1000 seeds.
		for k, wait := range got {
			if want := float64(wait-time.Second) / float64(3*time.Second); math.Abs(want-float64(k)/n) > 1.95/math.Sqrt(n) {
				t.Fatalf("%v is quantile %v, want %v", wait, float64(k)/n, want)
			}
		}
	})
}

func TestLogNormalDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 20_000
		got := waits(t, fault.Delay{LogNormal: fault.LogNormal{Median: 200 * time.Millisecond, P99: 2 * time.Second}}, n)
		// Standard errors at this n: 0.9 % of the median, 2.7 % of the p99; 4 of each.
		near(t, "median", got[n/2], 200*time.Millisecond, 0.036)
		near(t, "p99", got[n*99/100], 2*time.Second, 0.108)
		// By symmetry of the logarithm the first percentile is median²/p99.
		near(t, "p1", got[n/100], 20*time.Millisecond, 0.108)
	})
}

func TestLogNormalDelayIsCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		got := waits(t, fault.Delay{LogNormal: fault.LogNormal{Median: 9 * time.Minute, P99: 10 * time.Minute}}, n)
		if got[n-1] != fault.MaxDelay {
			t.Errorf("longest wait is %v, want %v", got[n-1], fault.MaxDelay)
		}
		even := waits(t, fault.Delay{LogNormal: fault.LogNormal{Median: time.Second, P99: time.Second}}, n)
		if even[0] != time.Second || even[n-1] != time.Second {
			t.Errorf("waits from %v to %v, want 1s always", even[0], even[n-1])
		}
	})
}

// near checks that got differs from want by at most a share of want.
func near(t *testing.T, name string, got, want time.Duration, share float64) {
	t.Helper()
	if math.Abs(float64(got-want)) > share*float64(want) {
		t.Errorf("%s is %v, want %v ± %v %%", name, got, want, share*100)
	}
}

// denials returns for the first calls of a route whether each was denied.
func denials(t *testing.T, i *fault.Injector, route string) []bool {
	t.Helper()
	denied := make([]bool, 64)
	for k := range denied {
		denied[k] = i.Route(t.Context(), route) != nil
	}
	return denied
}

func TestASeedRepeatsTheSameFaults(t *testing.T) {
	t.Parallel()
	half := fault.Plan{Seed: 1, Routes: map[string]fault.RouteFaults{buy: {Deny: 0.5}, buyDeny: {Deny: 0.5}}}
	first := injector(t, half)
	want := denials(t, first, buy)

	again := injector(t, half)
	denials(t, again, buyDeny) // another route's calls do not matter
	if got := denials(t, again, buy); !slices.Equal(got, want) {
		t.Error("the same seed gives another sequence")
	}
	if got := denials(t, first, buy); slices.Equal(got, want) {
		t.Error("the sequence repeats without a new plan")
	}
	mustSet(t, first, half)
	if got := denials(t, first, buy); !slices.Equal(got, want) {
		t.Error("setting the plan again does not restart the sequence")
	}
	more := half
	more.Routes = map[string]fault.RouteFaults{buy: {Deny: 0.5, Reset: 1e-9, Delay: fault.Delay{Fixed: 1}}}
	if got := denials(t, injector(t, more), buy); !slices.Equal(got, want) {
		t.Error("another fault of the route changes which calls are denied")
	}

	other := fault.NewInjector(fault.Options{Plan: half, Replica: "two"}) // a restart changes the name
	if !slices.Equal(denials(t, other, buy), want) {
		t.Error("a replica with another name gives another sequence")
	}
	half.Seed = 2
	if slices.Equal(denials(t, injector(t, half), buy), want) {
		t.Error("another seed gives the same sequence")
	}
	half.Seed = 0
	if slices.Equal(denials(t, injector(t, half), buy), denials(t, injector(t, half), buy)) {
		t.Error("without a seed the sequence repeats")
	}
}

// mustSet sets a plan.
func mustSet(t *testing.T, i *fault.Injector, plan fault.Plan) fault.State {
	t.Helper()
	state, err := i.Set(t.Context(), plan)
	if err != nil {
		t.Fatalf("set plan: %v", err)
	}
	return state
}

// TestADatabaseDelayEndsWithItsFaultAndItsPlan checks that a delay ends early,
// because other calls queue up behind it.
func TestADatabaseDelayEndsWithItsFaultAndItsPlan(t *testing.T) {
	t.Parallel()
	slow := fault.Plan{Database: fault.DatabaseFaults{Delay: fault.Delay{Fixed: time.Minute}}}
	synctest.Test(t, func(t *testing.T) {
		i, begin := injector(t, slow), time.Now()
		go func() {
			time.Sleep(2 * time.Second)
			mustSet(t, i, fault.Off())
		}()
		if err := i.Database(t.Context()); err != nil || time.Since(begin) != 2*time.Second {
			t.Errorf("the delay of a replaced plan ended after %s: %v", time.Since(begin), err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ending := slow
		ending.Database.For = 3 * time.Second
		i, begin := injector(t, ending), time.Now()
		if err := i.Database(t.Context()); err != nil || time.Since(begin) != 3*time.Second {
			t.Errorf("the delay of a fault of 3s ended after %s: %v", time.Since(begin), err)
		}
	})
}
