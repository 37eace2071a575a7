package stress_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// starve delays the load tester's own clock, as if other processes had the CPUs.
func starve(r *stress.Run, lag time.Duration) {
	stress.SetClock(r, func() time.Time {
		time.Sleep(lag)
		return time.Now()
	})
}

// TestAStarvedTesterReportsIt: in both models, the load tester reports its lag exactly to
// the per cent. Below the limit, which is 2 ms if the CPUs may be busy, it reports
// nothing. Time is virtual, so the test does not depend on the machine.
func TestAStarvedTesterReportsIt(t *testing.T) {
	t.Parallel()
	for _, load := range []stress.Load{rate(200), users(10)} {
		for lag, bottleneck := range map[time.Duration]bool{1900 * time.Microsecond: false, 6 * time.Millisecond: true, 80 * time.Millisecond: true} {
			synctest.Test(t, func(t *testing.T) {
				o := options(load, 2100*time.Millisecond, takes(time.Millisecond), get(stress.Constant(20*time.Millisecond)))
				r, err := stress.New(o)
				if err != nil {
					t.Fatal(err)
				}
				starve(r, lag)
				if err := r.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				self := r.Self()
				if self.Bottleneck != bottleneck || len(self.Reasons) != map[bool]int{true: 1}[bottleneck] || self.LateSeconds > 0 != bottleneck {
					t.Errorf("open %v, %v late: %+v", load.Open, lag, self)
				}
				for _, told := range []stats.MS{self.LagP50, self.LagP99, self.LagMax} {
					if !near(time.Duration(told), lag, 0.01) {
						t.Errorf("open %v, %v late: %+v", load.Open, lag, self)
					}
				}
				if bottleneck && !strings.Contains(self.Reasons[0], "ms late in the median") {
					t.Errorf("the reason is %q", self.Reasons[0])
				}
			})
		}
	}
}

// TestATargetIsNotTheTester is the negative control: a target that is slow, stalls or
// refuses connections does not make the load tester a bottleneck.
func TestATargetIsNotTheTester(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func() wire.Doer{
		"slow":     takes(500 * time.Millisecond).connect,
		"refusing": func() wire.Doer { return nobody{wire.Refused} },
		"failing":  newTarget(func(at time.Duration) (time.Duration, int) { return at, http.StatusBadGateway }).connect,
	} {
		for _, load := range []stress.Load{rate(200), users(20)} {
			synctest.Test(t, func(t *testing.T) {
				o := options(load, 2100*time.Millisecond, takes(0), get(stress.Constant(50*time.Millisecond)))
				o.Connect = connect
				if s, r := play(t, o); r.Self().Bottleneck || r.Self().LagMax != 0 || s.Total.Requests == 0 {
					t.Errorf("%s, open %v: %d requests, %+v", name, load.Open, s.Total.Requests, r.Self())
				}
			})
		}
	}
}
