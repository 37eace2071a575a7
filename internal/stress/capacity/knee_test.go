package capacity_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress/capacity"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// curve measures a target at loads, with 5 % noise.
func curve(seed uint64, latency func(load float64) time.Duration, loads ...float64) []result.Step {
	random := rand.New(rand.NewPCG(seed, 2))
	var steps []result.Step
	for _, load := range loads {
		p95 := float64(latency(load)) * math.Exp(0.05*random.NormFloat64())
		steps = append(steps, result.Step{Load: load, Rate: load, P95: stats.MS(p95), Held: p95 < float64(time.Second)})
	}
	return steps
}

func TestKnee(t *testing.T) {
	t.Parallel()
	mm1 := func(load float64) time.Duration {
		return time.Duration(math.Min(-math.Log(0.05)/math.Max(1000-load, 1e-9), 30) * float64(time.Second))
	}
	// A fixed service time, without a queue up to the capacity.
	fixed := func(load float64) time.Duration {
		if load > 800 {
			return 20 * time.Second
		}
		return 10 * time.Millisecond
	}
	// Users of a target that serves 50 at a time.
	users := func(n float64) time.Duration { return time.Duration(max(1, n/50) * float64(20*time.Millisecond)) }
	for seed := range uint64(200) {
		// M/M/1: half of the capacity. The nearest load is 400.
		steps := curve(seed, mm1, 10, 20, 40, 80, 160, 320, 400, 640, 905.1, 950, 980, 1280)
		if knee := capacity.Knee(steps); knee != 400 && knee != 640 && knee != 320 {
			t.Errorf("seed %d: the knee of M/M/1 is %v; want about 500", seed, knee)
		}
		steps = curve(seed, fixed, 100, 200, 400, 800, 805, 820, 850, 900, 1600)
		if knee := capacity.Knee(steps); knee != 800 {
			t.Errorf("seed %d: the knee of a fixed time is %v; want 800", seed, knee)
		}
		steps = curve(seed, users, 10, 20, 40, 80, 160, 320, 640, 1280)
		for i := range steps {
			steps[i].Rate = min(steps[i].Load, 50) * 50
		}
		if knee := capacity.Knee(steps); knee != 40 && knee != 80 {
			t.Errorf("seed %d: the knee of 50 places is %v; want about 50", seed, knee)
		}
	}
}

func TestNoKnee(t *testing.T) {
	t.Parallel()
	flat := func(float64) time.Duration { return 5 * time.Millisecond }
	spoiled := curve(1, flat, 100, 200, 400)
	for i := range spoiled {
		spoiled[i].Tester, spoiled[i].Held = true, false
	}
	quickly := curve(1, flat, 100, 200, 400, 800)
	// Rejecting is fast, and everything beyond the limit is rejected.
	quickly[3].P95, quickly[3].Held, quickly[3].FailureShare = stats.MS(5*time.Millisecond), false, 0.5
	for name, steps := range map[string][]result.Step{
		"nothing was measured":           nil,
		"one load":                       curve(1, flat, 100),
		"latency does not grow":          curve(1, flat, 100, 200, 400, 800),
		"nothing held":                   curve(1, func(float64) time.Duration { return 2 * time.Second }, 100, 200),
		"the load tester spoiled all":    spoiled,
		"errors are not latency":         quickly,
		"nothing took any time":          curve(1, func(float64) time.Duration { return 0 }, 100, 200),
		"only noise, at the same load":   curve(1, flat, 100, 100, 100, 100),
		"latency grows as the load does": curve(1, func(l float64) time.Duration { return time.Duration(l) * time.Microsecond }, 100, 101, 102),
	} {
		if knee := capacity.Knee(steps); knee != 0 {
			t.Errorf("%s: the knee is at %v", name, knee)
		}
	}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	c, _ := find(t, capacity.Options{Measure: wall(730), Start: 100, Max: 1e6})
	if s, want := capacity.Sentence(c, nil), "at 702/s, the highest load that held, p50 was 0.00 ms, p95 1.00 ms, p99 0.00 ms; at 734/s it broke: failures>0"; s != want {
		t.Errorf("it says %q; want %q", s, want)
	}
	c, _ = find(t, capacity.Options{Measure: wall(1e9), Start: 1, Max: 1, Integer: true})
	if s := capacity.Sentence(c, nil); !strings.HasPrefix(s, "at 1 user, the") || !strings.HasSuffix(s, "no higher load was tried, so the capacity is above that") {
		t.Errorf("it says %q", s)
	}
	c, _ = find(t, capacity.Options{Measure: wall(0), Start: 4, Max: 8, Integer: true})
	if s, want := capacity.Sentence(c, nil), "no load held; at 1 user it broke: failures>0"; s != want {
		t.Errorf("it says %q; want %q", s, want)
	}
}
