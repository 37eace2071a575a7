package capacity_test

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/stress/capacity"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// target is a queue whose tail grows like that of M/M/1: the 95th percentile of the
// time in the system is -ln(0.05)/(capacity-load). Its measurements are noisy.
type target struct {
	capacity float64
	// limit is the latency at which a step breaks.
	limit  time.Duration
	noise  float64
	random *rand.Rand
}

// breaks returns the load at which the true latency is the limit.
func (q target) breaks() float64 { return q.capacity + math.Log(0.05)/q.limit.Seconds() }

func (q target) measure(_ context.Context, load float64) (result.Step, error) {
	step := result.Step{Rate: min(load, q.capacity), P95: stats.MS(10 * time.Second)}
	if load < q.capacity {
		p95 := -math.Log(0.05) / (q.capacity - load) * math.Exp(q.noise*q.random.NormFloat64())
		step.P95 = stats.MS(min(p95, 10) * float64(time.Second))
	}
	step.Held = time.Duration(step.P95) <= q.limit
	if !step.Held {
		step.Broke = "p95>limit"
	}
	return step, nil
}

// check checks what every answer must satisfy, whatever the target is.
func check(t interface {
	Helper()
	Errorf(format string, args ...any)
}, c result.Capacity, measured []result.Step,
) {
	t.Helper()
	if len(measured) > 60 || len(c.Points) != len(measured) {
		t.Errorf("it took %d steps, but reports %d", len(measured), len(c.Points))
	}
	if !slices.IsSortedFunc(c.Points, func(a, b result.Step) int { return cmp.Compare(a.Load, b.Load) }) {
		t.Errorf("the points are not in the order of the loads: %v", c.Points)
	}
	if c.Highest > 0 && c.Broken > 0 && c.Highest >= c.Broken {
		t.Errorf("%v held and %v broke", c.Highest, c.Broken)
	}
	var held bool
	run := 0
	for _, step := range measured {
		held = held || step.Load == c.Highest && step.Held
		switch {
		case step.Load == c.Broken && step.Held:
			run = 0
		case step.Load == c.Broken && !step.Tester:
			run++
		}
	}
	if c.Highest > 0 && !held {
		t.Errorf("%v is reported to hold, but never held", c.Highest)
	}
	if c.Broken > 0 && run < 2 {
		t.Errorf("%v is reported to break, but broke %d times in a row", c.Broken, run)
	}
}

func find(t *testing.T, o capacity.Options) (result.Capacity, []result.Step) {
	t.Helper()
	var measured []result.Step
	o.Progress = func(s result.Step) { measured = append(measured, s) }
	c, err := capacity.Find(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	check(t, c, measured)
	return c, measured
}

// The search finds the true capacity, within the resolution and the effect of 5 % noise
// in the latency.
func TestFindsTheCapacityOfAQueue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := target{
			capacity: math.Exp(rapid.Float64Range(math.Log(50), math.Log(50_000)).Draw(t, "log capacity")), noise: 0.05,
			random: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)),
		}
		// The limit is reached at 30 % to 95 % of the capacity.
		q.limit = time.Duration(-math.Log(0.05) / q.capacity / rapid.Float64Range(0.05, 0.7).Draw(t, "slack") * float64(time.Second))
		users := rapid.Bool().Draw(t, "users")
		var measured []result.Step
		c, err := capacity.Find(t.Context(), capacity.Options{
			Measure: q.measure, Start: 10, Max: 100_000, Integer: users,
			Progress: func(s result.Step) { measured = append(measured, s) },
		})
		if err != nil {
			t.Fatal(err)
		}
		check(t, c, measured)
		// 15 % noise (three sigma) in the time moves the load at which it meets the
		// limit by 15 % of the slack.
		truth := q.breaks()
		room := 0.05*truth + 0.15*(q.capacity-truth) + 1
		if c.Highest < truth-room || c.Highest > truth+room || c.Broken < truth-room || c.Broken > truth+room+0.05*truth {
			t.Errorf("between %v and %v; the truth is %v, give or take %v", c.Highest, c.Broken, truth, room)
		}
		if users && (c.Unit != "users" || c.Highest != math.Trunc(c.Highest) || c.Broken != math.Trunc(c.Broken)) {
			t.Errorf("users are not whole: %v, %v %s", c.Highest, c.Broken, c.Unit)
		}
	})
}

// wall holds below a load and breaks from there on.
func wall(at float64) func(context.Context, float64) (result.Step, error) {
	return func(_ context.Context, load float64) (result.Step, error) {
		step := result.Step{Rate: load, P95: stats.MS(time.Millisecond), Held: load < at}
		if !step.Held {
			step.Rate, step.FailureShare, step.Broke = at, 1-at/load, "failures>0"
		}
		return step, nil
	}
}

func TestFindsAHardLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		at                float64
		o                 capacity.Options
		highest, broken   float64
		orBetter, orWorse float64
	}{
		{"a rate", 730, capacity.Options{Start: 100, Max: 1e6}, 730 / 1.05, 730 * 1.05, 730, 730},
		{"a rate, finely", 730, capacity.Options{Start: 100, Max: 1e6, Resolution: 0.01}, 730 / 1.01, 730 * 1.01, 730, 730},
		{"users", 47, capacity.Options{Start: 10, Max: 1e5, Integer: true}, 44, 48, 46, 47},
		{"few users, to the one", 7, capacity.Options{Start: 1, Max: 1e5, Integer: true}, 6, 7, 6, 7},
		{"a first load that breaks", 3.3, capacity.Options{Start: 100, Max: 1e6}, 3.3 / 1.05, 3.3 * 1.05, 3.3, 3.3},
		{"too many users at first", 3, capacity.Options{Start: 50, Max: 1e5, Integer: true}, 2, 3, 2, 3},
		{"every load holds", math.Inf(1), capacity.Options{Start: 100, Max: 1000}, 1000, 0, 1000, 0},
		{"the only load holds", math.Inf(1), capacity.Options{Start: 100, Max: 100}, 100, 0, 100, 0},
		{"nothing holds", 0, capacity.Options{Start: 1024, Max: 2000}, 0, 1, 0, 1},
		{"not even one user", 0, capacity.Options{Start: 5, Max: 2000, Integer: true}, 0, 1, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.o.Measure = wall(c.at)
			found, _ := find(t, c.o)
			if found.Highest < c.highest || found.Highest > c.orBetter {
				t.Errorf("%v held; want %v to %v", found.Highest, c.highest, c.orBetter)
			}
			if found.Broken < c.orWorse || found.Broken > c.broken {
				t.Errorf("%v broke; want %v to %v", found.Broken, c.orWorse, c.broken)
			}
		})
	}
}

// A hiccup in every third measurement does not break a target.
func TestHiccupsAreNotALimit(t *testing.T) {
	t.Parallel()
	hiccups := func(together int) func(context.Context, float64) (result.Step, error) {
		calls := 0
		return func(ctx context.Context, load float64) (result.Step, error) {
			calls++
			step, err := wall(730)(ctx, load)
			if calls%3 < together {
				step.Held, step.Broke = false, "p95>1s"
			}
			return step, err
		}
	}
	found, measured := find(t, capacity.Options{Measure: hiccups(1), Start: 100, Max: 1e6})
	if found.Highest < 730/1.05 || found.Highest > 730 {
		t.Errorf("%v held; want some 730; measured %+v", found.Highest, measured)
	}
	// The control: a load that keeps breaking is a limit.
	found, err := capacity.Find(t.Context(), capacity.Options{Measure: hiccups(2), Start: 100, Max: 1e6})
	if err == nil && found.Highest > 730/1.05 {
		t.Errorf("%v held, though two of three measurements broke", found.Highest)
	}
}

// A load that held by luck is given up when it is measured again.
func TestLuckIsConfirmed(t *testing.T) {
	t.Parallel()
	lucky := true
	found, measured := find(t, capacity.Options{
		Measure: func(ctx context.Context, load float64) (result.Step, error) {
			if load == 800 && lucky {
				lucky = false
				return result.Step{Held: true}, nil
			}
			return wall(730)(ctx, load)
		}, Start: 100, Max: 1e6,
	})
	if found.Highest < 730/1.05 || found.Highest > 730 || found.Broken > 730*1.05 {
		t.Errorf("it found %v and %v; measured %+v", found.Highest, found.Broken, measured)
	}
	if last := measured[len(measured)-1]; !last.Held || last.Load != found.Highest {
		t.Errorf("the last measurement is %+v; want one more of the highest load", last)
	}
}

// A search whose measurements always contradict each other ends.
func TestEndlessContradictionEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		holds := rapid.Float64Range(0, 1).Draw(t, "holds")
		var measured []result.Step
		c, err := capacity.Find(t.Context(), capacity.Options{
			Measure: func(context.Context, float64) (result.Step, error) {
				return result.Step{Held: random.Float64() < holds, Tester: random.Float64() < 0.02}, nil
			},
			Start: 100, Max: 1e6, Resolution: 0.005, Integer: rapid.Bool().Draw(t, "users"),
			Progress: func(s result.Step) { measured = append(measured, s) },
		})
		if err != nil && !errors.Is(err, capacity.ErrSteps) && !errors.Is(err, capacity.ErrTester) {
			t.Fatal(err)
		}
		check(t, c, measured)
		if capacity.Sentence(c, err) == "" {
			t.Error("there is no sentence")
		}
	})
}

// If the load tester cannot keep up, the capacity is unknown.
func TestTesterEndsTheSearch(t *testing.T) {
	t.Parallel()
	weak := func(ctx context.Context, load float64) (result.Step, error) {
		step, err := wall(1e5)(ctx, load)
		// A load tester that sends too little sees no trouble, or only trouble.
		step.Tester = load >= 1000
		return step, err
	}
	c, err := capacity.Find(t.Context(), capacity.Options{Measure: weak, Start: 100, Max: 1e6})
	if !errors.Is(err, capacity.ErrTester) || c.Highest != 800 || c.Broken != 0 {
		t.Errorf("it found %v and %v, %v; want 800, nothing broken, and the tester named", c.Highest, c.Broken, err)
	}
	last := c.Points[len(c.Points)-1]
	if !last.Tester || last.Held || last.Load != 1600 {
		t.Errorf("the last point is %+v; want one that the tester spoiled", last)
	}
	for _, want := range []string{"at 800/s, the highest load that held", "at 1600/s the load tester could not keep up"} {
		if s := capacity.Sentence(c, err); !strings.Contains(s, want) || strings.Contains(s, "broke") {
			t.Errorf("it says %q; want %q, and not that a load broke", s, want)
		}
	}
	// One hiccup of the load tester does not end the search.
	calls := 0
	found, _ := find(t, capacity.Options{Measure: func(ctx context.Context, load float64) (result.Step, error) {
		calls++
		step, err := wall(730)(ctx, load)
		step.Tester = calls%4 == 0
		return step, err
	}, Start: 100, Max: 1e6})
	if found.Highest < 730/1.05 || found.Highest > 730 {
		t.Errorf("with hiccups of the tester, %v held; want some 730", found.Highest)
	}
}

func TestInterruptedSearchSaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	errAway := errors.New("the target is unreachable")
	for _, c := range []struct {
		name string
		end  func(cancel context.CancelFunc) error
		want error
		held float64
	}{
		{"Ctrl-C during a measurement", func(cancel context.CancelFunc) error { cancel(); return context.Canceled }, context.Canceled, 565.7},
		{"Ctrl-C that the measurement outlives", func(cancel context.CancelFunc) error { cancel(); return nil }, context.Canceled, 672.7},
		{"a measurement that fails", func(context.CancelFunc) error { return errAway }, errAway, 565.7},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			calls := 0
			found, err := capacity.Find(ctx, capacity.Options{Measure: func(ctx context.Context, load float64) (result.Step, error) {
				if calls++; calls == 7 {
					if err := c.end(cancel); err != nil {
						return result.Step{}, err
					}
				}
				return wall(730)(ctx, load)
			}, Start: 100, Max: 1e6})
			if !errors.Is(err, c.want) || found.Highest != c.held || found.Broken != 800 || calls != 7 {
				t.Errorf("after %d calls it found %v and %v, %v", calls, found.Highest, found.Broken, err)
			}
			if s := capacity.Sentence(found, err); !strings.Contains(s, "ended early") {
				t.Errorf("it says %q", s)
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	good := capacity.Options{Measure: wall(5), Start: 1, Max: 10}
	for _, c := range []struct {
		change func(o *capacity.Options)
		says   string
	}{
		{func(o *capacity.Options) { o.Measure = nil }, "Measure is missing"},
		{func(o *capacity.Options) { o.Start = 0 }, "must be more than 0"},
		{func(o *capacity.Options) { o.Start = math.NaN() }, "must be more than 0"},
		{func(o *capacity.Options) { o.Max = 0.5 }, "at least the first"},
		{func(o *capacity.Options) { o.Max = math.Inf(1) }, "at least the first"},
		{func(o *capacity.Options) { o.Integer, o.Start = true, 1.5 }, "must be whole numbers"},
		{func(o *capacity.Options) { o.Resolution = 0.001 }, "resolution"},
		{func(o *capacity.Options) { o.Resolution = 1 }, "resolution"},
	} {
		o := good
		c.change(&o)
		if _, err := capacity.Find(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("the error is %v; want %q", err, c.says)
		}
	}
}
