package stress_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/field"
	"onsale/internal/stress"
)

func TestACurveRisesFallsAndSteps(t *testing.T) {
	t.Parallel()
	c := stress.Curve{From: 10, Stages: []stress.Stage{
		{Over: 10 * time.Second, To: 30}, {To: 100}, {Over: 5 * time.Second, To: 100}, {Over: 10 * time.Second, To: 0},
	}}
	for _, want := range []struct {
		at       time.Duration
		is, area float64
	}{
		{-time.Second, 10, 0},
		{0, 10, 0},
		{5 * time.Second, 20, 75},
		{10 * time.Second, 100, 200},
		{12 * time.Second, 100, 400},
		{20 * time.Second, 50, 700 + 375},
		{25 * time.Second, 0, 700 + 500},
		{time.Hour, 0, 700 + 500},
	} {
		if got := c.At(want.at); !near(got, want.is, 1e-12) {
			t.Errorf("at %v the value is %g, want %g", want.at, got, want.is)
		}
		if got := c.Area(want.at); !near(got, want.area, 1e-12) {
			t.Errorf("until %v %g are due, want %g", want.at, got, want.area)
		}
	}
	if c.Length() != 25*time.Second {
		t.Errorf("the length is %v", c.Length())
	}
	if due, ok := c.Due(1200); ok {
		t.Errorf("the 1201st of 1200 is due at %v", due)
	}
}

// TestNothingIsDueInAPause: a task at an area that the curve has just reached is due
// when the next load begins, not when the load before ended.
func TestNothingIsDueInAPause(t *testing.T) {
	t.Parallel()
	c := stress.Curve{Stages: []stress.Stage{
		{Over: time.Second, To: 0}, {Over: 10 * time.Second, To: 10}, {To: 0}, {Over: time.Minute, To: 0}, {To: 1},
	}}
	for n, want := range map[float64]time.Duration{
		0: time.Second, 12.5: 6 * time.Second, 50: 71 * time.Second, 60: 81 * time.Second,
	} {
		if got, ok := c.Due(n); !ok || got.Round(time.Microsecond) != want {
			t.Errorf("%g are due at %v (%v), want %v", n, got, ok, want)
		}
	}
	for _, never := range []stress.Curve{{}, {Stages: []stress.Stage{{Over: time.Hour}}}, {From: 1, Ends: true}} {
		if got, ok := never.Due(0); ok {
			t.Errorf("%+v: the first is due at %v", never, got)
		}
	}
}

func curves(t *rapid.T, most int) stress.Curve {
	value := rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(0, most).Draw(t, "value")) })
	c := stress.Curve{From: value.Draw(t, "from"), Ends: rapid.Bool().Draw(t, "ends")}
	for range rapid.IntRange(0, 6).Draw(t, "stages") {
		over := time.Duration(rapid.IntRange(0, 100_000).Draw(t, "over")) * time.Millisecond
		c.Stages = append(c.Stages, stress.Stage{Over: over, To: value.Draw(t, "to")})
	}
	return c
}

func TestDueIsTheInverseOfTheArea(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := curves(t, 5000)
		n := rapid.Float64Range(0, 1e6).Draw(t, "n")
		due, ok := c.Due(n)
		if !ok {
			if more := c.Area(1000 * time.Hour); more > n+1e-6 {
				t.Fatalf("%g are never due, but %g until the end", n, more)
			}
			return
		}
		// in a nanosecond, the area grows by the height of the curve
		if got := c.Area(due); math.Abs(got-n) > 1e-6+1e-9*n+2e-9*5000 {
			t.Fatalf("%g are due at %v, and until then %g", n, due, got)
		}
		if later := c.Area(due + time.Hour); !c.Ends && later < n {
			t.Fatalf("the area falls from %g to %g", n, later)
		}
	})
}

func TestWorkersShareALoadExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		whole := stress.Load{Curve: curves(t, 3000), Open: rapid.Bool().Draw(t, "open"), MaxInFlight: 1000}
		workers := rapid.IntRange(1, 17).Draw(t, "workers")
		at := time.Duration(rapid.IntRange(0, 700_000).Draw(t, "at")) * time.Millisecond
		sum, inFlight := 0.0, 0
		for i := range workers {
			part := whole.Share(i, workers)
			value := part.Curve.At(at)
			if !whole.Open {
				value = math.Floor(value + 1e-9)
			}
			sum += value
			inFlight += part.MaxInFlight
		}
		want := whole.Curve.At(at)
		if !whole.Open {
			want = math.Floor(want + 1e-9)
		}
		if math.Abs(sum-want) > 1e-6 || whole.Open && inFlight != whole.MaxInFlight {
			t.Fatalf("at %v %d workers do %g of %g, %d in flight", at, workers, sum, want, inFlight)
		}
	})
}

// TestLimitsAreThoseOfOneProcess: several processes can share a load that is too high
// for one.
func TestLimitsAreThoseOfOneProcess(t *testing.T) {
	t.Parallel()
	const workers = 4
	for _, c := range []struct {
		load  stress.Load
		field string
	}{
		{stress.Load{Curve: stress.SpawnCurve(workers*stress.MaxUsers, 1000)}, "users"},
		{stress.Load{Open: true, Curve: stress.Flat(workers * stress.MaxRate)}, "rate"},
		{stress.Load{Open: true, Curve: stress.Flat(1), MaxInFlight: workers * stress.MaxUsers}, "max_in_flight"},
	} {
		err, is := errors.AsType[*field.Error](c.load.Validate())
		if !is || err.Field != c.field {
			t.Errorf("%+v: %v, want an error of the field %s", c.load, err, c.field)
		}
		for worker := range workers {
			if err := c.load.Share(worker, workers).Validate(); err != nil {
				t.Errorf("worker %d of %d: %v", worker, workers, err)
			}
		}
		c.load.Curve.From, c.load.MaxInFlight = c.load.Curve.From+workers*stress.MaxRate, c.load.MaxInFlight+1
		if err := c.load.Share(0, workers).Validate(); err == nil {
			t.Errorf("%+v is too much for %d workers, but is accepted", c.load, workers)
		}
	}
	if part := (stress.Load{Open: true, Curve: stress.Flat(1)}).Share(1, workers); part.MaxInFlight != 0 {
		t.Errorf("without a limit, a worker has at most %d in flight, want the default", part.MaxInFlight)
	}
}

func TestSpawnCurveIsLocusts(t *testing.T) {
	t.Parallel()
	c := stress.SpawnCurve(5, 2)
	var got []float64
	for at := time.Duration(0); at <= 3*time.Second; at += 500 * time.Millisecond {
		got = append(got, c.At(at))
	}
	if want := []float64{1, 2, 3, 4, 5, 5, 5}; !slices.Equal(got, want) || c.Ends {
		t.Errorf("users %v, want %v", got, want)
	}
	for _, slow := range []float64{1e-7, 1e-15, 1e-300} {
		if c := stress.SpawnCurve(100, slow); (stress.Load{Curve: c}).Validate() == nil || c.Length() < stress.MaxLength {
			t.Errorf("at %g/s 100 users start within %v", slow, c.Length())
		}
	}
	if c := stress.SpawnCurve(100, 0); c.At(0) != 100 {
		t.Errorf("without a spawn rate %g start at once", c.At(0))
	}
}
