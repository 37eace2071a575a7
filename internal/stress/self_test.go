package stress_test

import (
	"testing"
	"time"

	"onsale/internal/stress"
)

func TestASecondIsLate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lag, tail time.Duration
		cpu       float64
		late      bool
	}{
		{0, 0, 0, false},
		{0, 0, 1, false}, // all CPUs busy, and on time
		{4 * time.Millisecond, 20 * time.Millisecond, 0.5, false},
		{4 * time.Millisecond, 5 * time.Millisecond, 0.96, true},
		{6 * time.Millisecond, 7 * time.Millisecond, 0.1, true}, // others have the CPUs
		{time.Millisecond, 30 * time.Millisecond, 0.1, true},    // now and then
	} {
		if stress.IsLate(c.lag, c.tail, c.cpu) != c.late {
			t.Errorf("%v late with %g of the CPUs: %v", c.lag, c.cpu, !c.late)
		}
	}
}

func TestLateSecondsMakeABottleneck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		late, seconds int
		bottleneck    bool
	}{
		{0, 0, false},
		{0, 1, false},
		{1, 1, true},
		{1, 2, false}, // one hiccup
		{2, 2, true},
		{2, 19, true},
		{2, 20, false},
		{10, 100, false},
		{11, 100, true},
	} {
		if stress.TooOften(c.late, c.seconds) != c.bottleneck {
			t.Errorf("%d of %d s: %v", c.late, c.seconds, !c.bottleneck)
		}
	}
}
