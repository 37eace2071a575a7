package fault_test

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shirou/gopsutil/v4/process"

	"onsale/internal/fault"
)

const mebibyte = 1 << 20

// The tests of this file measure the process, so they do not run beside others.

func TestBallastIsHeldUpToAQuarterAndFreed(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	i := fault.NewInjector(fault.Options{Registerer: reg, MemoryLimit: 256 * mebibyte})
	run(t, i)
	before := heap()
	for range 2 {
		mustSet(t, i, fault.Plan{Memory: fault.Ballast{Bytes: 10 << 30}})
		eventually(t, "the ballast is held", func() bool { return ballast(t, reg) == 64*mebibyte })
		if grown := heap() - before; grown < 60*mebibyte || grown > 70*mebibyte {
			t.Errorf("heap has grown by %d bytes, want a quarter of 256 MiB", grown)
		}
		if got := i.Active(); !slices.Equal(got, []string{"memory"}) {
			t.Errorf("active is %q", got)
		}
		mustSet(t, i, fault.Off())
		eventually(t, "the ballast is freed", func() bool { return ballast(t, reg) == 0 })
		if grown := heap() - before; grown > 10*mebibyte {
			t.Errorf("%d bytes are still held", grown)
		}
	}
	if got := series(t, reg, "onsale_faults_injected_total")["memory"]; got != 2 {
		t.Errorf("counted %v ballasts, want 2", got)
	}
}

func TestBallastEndsByItself(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	i := fault.NewInjector(fault.Options{Registerer: reg})
	run(t, i)
	mustSet(t, i, fault.Plan{Memory: fault.Ballast{Bytes: 3*mebibyte + 1, For: 200 * time.Millisecond}})
	eventually(t, "the ballast is held", func() bool { return ballast(t, reg) == 3*mebibyte+1 })
	eventually(t, "the ballast is freed", func() bool { return ballast(t, reg) == 0 })
	if got := i.Active(); len(got) != 0 {
		t.Errorf("active is %q", got)
	}
}

func TestCPUBurnStartsAndStops(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	i := fault.NewInjector(fault.Options{Registerer: reg})
	run(t, i)
	const window = 300 * time.Millisecond
	atRest := runtime.NumGoroutine()
	for _, plan := range []fault.CPUBurn{{Share: 0.5}, {Share: 1}} {
		mustSet(t, i, fault.Plan{CPU: plan})
		// A busy machine may give less than was asked for, but not nothing.
		if got := cpuTime(t, window); got < window/5 {
			t.Errorf("share %v: %v of CPU time in %v", plan.Share, got, window)
		}
	}
	mustSet(t, i, fault.Off())
	eventually(t, "the burn has ended", func() bool { return runtime.NumGoroutine() <= atRest })
	if got := cpuTime(t, window); got > window/5 {
		t.Errorf("without a burn: %v of CPU time in %v", got, window)
	}

	mustSet(t, i, fault.Plan{CPU: fault.CPUBurn{Share: 0.1, For: 50 * time.Millisecond}})
	eventually(t, "the burn has ended by itself", func() bool {
		return len(i.Active()) == 0 && runtime.NumGoroutine() <= atRest
	})
	if got := series(t, reg, "onsale_faults_injected_total")["cpu"]; got != 3 {
		t.Errorf("counted %v burns, want 3", got)
	}
}

// Run starts no load that was over before it looked.
func TestALoadThatIsOverIsNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		store := &memoryStore{}
		plan := fault.Plan{
			CPU:    fault.CPUBurn{Share: 1, For: time.Second},
			Memory: fault.Ballast{Bytes: 1, For: time.Second},
		}
		if _, err := store.SavePlan(t.Context(), plan); err != nil {
			t.Fatalf("save: %v", err)
		}
		time.Sleep(time.Second)
		i := fault.NewInjector(fault.Options{Registerer: reg, Store: store, Replica: "one"})
		run(t, i)
		time.Sleep(3 * time.Second)
		if got := i.State(); got.Version != 1 || got.Plan.CPU != plan.CPU {
			t.Errorf("the plan was not applied: %+v", got)
		}
		if got := series(t, reg, "onsale_faults_injected_total"); !maps.Equal(got, allZero(nil)) {
			t.Errorf("counted %v", got)
		}
	})
}

func ballast(t *testing.T, reg prometheus.Gatherer) float64 {
	t.Helper()
	return series(t, reg, "onsale_fault_ballast_bytes")[""]
}

// heap returns the bytes that are in use, garbage apart.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// cpuTime returns the CPU time that this process takes within a time.
func cpuTime(t *testing.T, window time.Duration) time.Duration {
	t.Helper()
	self, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		t.Fatalf("find own process: %v", err)
	}
	spent := func() float64 {
		times, err := self.Times()
		if err != nil {
			t.Fatalf("read CPU time: %v", err)
		}
		return times.User + times.System
	}
	before := spent()
	time.Sleep(window)
	return time.Duration((spent() - before) * float64(time.Second))
}

// eventually waits for something that other goroutines do in real time.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting until %s", what)
		}
	}
}
