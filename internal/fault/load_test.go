package fault_test

import (
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shirou/gopsutil/v4/process"

	"onsale/internal/fault"
)

const mebibyte = 1 << 20

// The tests in this file measure the process, so they do not run in parallel with
// others.

func TestBallastIsHeldUpToAQuarterAndFreed(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	i := fault.NewInjector(fault.Options{Registerer: reg, MemoryLimit: 256 * mebibyte})
	run(t, i)
	before := resident(t)
	for range 2 {
		mustSet(t, i, fault.Plan{Memory: fault.Ballast{Bytes: 10 << 30}})
		eventually(t, "the ballast is held", func() bool { return ballast(t, reg) == 64*mebibyte })
		if grown := resident(t) - before; grown < 50*mebibyte || grown > 90*mebibyte {
			t.Errorf("the process has grown by %d bytes, want a quarter of 256 MiB", grown)
		}
		if got := i.Active(); !slices.Equal(got, []string{"memory"}) {
			t.Errorf("active is %q", got)
		}
		mustSet(t, i, fault.Off())
		eventually(t, "the ballast is freed", func() bool { return ballast(t, reg) == 0 })
		if grown := resident(t) - before; grown > 20*mebibyte {
			t.Errorf("%d bytes are still held", grown)
		}
	}
	if got := series(t, reg, "onsale_faults_injected_total")["memory"]; got != 2 {
		t.Errorf("counted %v ballasts, want 2", got)
	}
}

// A ballast in per cent fills the memory, releases what other processes need, and
// keeps the reserve free.
func TestBallastFillsAndReleases(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	var others, total atomic.Uint64
	held := func() uint64 { return uint64(ballast(t, reg)) }
	total.Store(4096 * mebibyte)
	others.Store(3584 * mebibyte)
	i := fault.NewInjector(fault.Options{Registerer: reg, Memory: func() (uint64, uint64, error) {
		return others.Load() + held(), total.Load(), nil
	}})
	run(t, i)
	mustSet(t, i, fault.Plan{Memory: fault.Ballast{Percent: 92}})
	near := func(want uint64) func() bool {
		return func() bool { got := held(); return got+16*mebibyte >= want && got <= want+16*mebibyte }
	}
	eventually(t, "memory is filled to 92 %", near(184*mebibyte))
	others.Store(3680 * mebibyte)
	eventually(t, "memory is released for others", near(88*mebibyte))
	others.Store(4000 * mebibyte)
	eventually(t, "all memory is released", near(0))
	total.Store(1024 * mebibyte)
	others.Store(800 * mebibyte)
	eventually(t, "the reserve is free", near((1024-128-800)*mebibyte))
	mustPatch(t, i, `{"memory":null}`)
	eventually(t, "the ballast is freed", func() bool { return held() == 0 })
}

// A patch does not restart loads that it does not contain.
func TestPatchKeepsOtherLoadsRunning(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	i := fault.NewInjector(fault.Options{Registerer: reg})
	run(t, i)
	mustPatch(t, i, `{"memory":{"bytes":1048576,"for":"1m"}}`)
	eventually(t, "the ballast is held", func() bool { return ballast(t, reg) == mebibyte })
	mustPatch(t, i, `{"database":{"error":0.5}}`)
	mustPatch(t, i, `{"cpu":{"share":0.01}}`)
	eventually(t, "the burn has started", func() bool { return series(t, reg, "onsale_faults_injected_total")["cpu"] == 1 })
	if got := series(t, reg, "onsale_faults_injected_total")["memory"]; got != 1 || ballast(t, reg) != mebibyte {
		t.Errorf("%v ballasts were started, %v bytes are held", got, ballast(t, reg))
	}
	mustPatch(t, i, `{"memory":{"bytes":2097152}}`)
	eventually(t, "the ballast is larger", func() bool { return ballast(t, reg) == 2*mebibyte })
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
		// On a busy machine, the burn gets less CPU time, but some.
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

// Run does not start a load that is already over.
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

// resident returns the resident memory of this process in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	self, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		t.Fatalf("find own process: %v", err)
	}
	info, err := self.MemoryInfo()
	if err != nil {
		t.Fatalf("read memory: %v", err)
	}
	return int64(info.RSS)
}

// cpuTime returns the CPU time that this process uses within the window.
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

// eventually waits in real time until a condition is true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting until %s", what)
		}
	}
}
