package stress_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress"
)

func TestASecondIsLate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lag, tail, response time.Duration
		cpu                 float64
		late                bool
	}{
		{0, 0, 0, 0, false},
		{0, 0, 0, 1, false}, // all CPUs busy, but on time
		{4 * time.Millisecond, 20 * time.Millisecond, 0, 0.5, false},
		{4 * time.Millisecond, 5 * time.Millisecond, time.Millisecond, 0.96, true},
		{6 * time.Millisecond, 7 * time.Millisecond, 100 * time.Millisecond, 0.1, true}, // other processes have the CPUs
		{time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond, 0.1, true},    // occasionally
		{6 * time.Millisecond, 40 * time.Millisecond, time.Second, 0.1, false},          // small in relation to the response times
	} {
		if stress.IsLate(c.lag, c.tail, c.response, c.cpu) != c.late {
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

// TestTheTesterPrintsWhatItJudges: if the tail of one of the two lags makes it late,
// the report has that tail, and not that of the lag with the worse median.
func TestTheTesterPrintsWhatItJudges(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	tail := append(slices.Repeat([]time.Duration{0}, 90), slices.Repeat([]time.Duration{60 * ms}, 10)...)
	steady := slices.Repeat([]time.Duration{3 * ms}, 100)
	for name, c := range map[string]struct {
		beats, sends []time.Duration
		says         string
	}{
		"tail of the timer": {tail, steady, "0 ms late in the median, and 60"},
		"tail of the tasks": {steady, tail, "0 ms late in the median, and 60"},
		"both":              {slices.Repeat([]time.Duration{8 * ms}, 100), tail, "0 ms late in the median, and 60"},
		"median":            {steady, slices.Repeat([]time.Duration{8 * ms}, 100), "8."},
		"neither":           {steady, steady, ""},
	} {
		self := stress.Watched(2, c.beats, c.sends)
		reasons := strings.Join(self.Reasons, "; ")
		if self.Bottleneck != (c.says != "") || !strings.Contains(reasons, c.says) {
			t.Errorf("%s: %q, want %q", name, reasons, c.says)
		}
	}
}

// TestALittleAfterAResetIsNoSecond: a very short interval after a reset is not judged,
// because the reset itself takes CPU time.
func TestALittleAfterAResetIsNoSecond(t *testing.T) {
	t.Parallel()
	if self := stress.Rested(20*time.Millisecond, time.Second); self.Bottleneck || self.LateSeconds != 0 {
		t.Errorf("%+v", self)
	}
	if self := stress.Rested(time.Second, time.Second); !self.Bottleneck || self.LateSeconds != 1 {
		t.Errorf("%+v, want a late second", self)
	}
}
