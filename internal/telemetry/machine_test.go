package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/telemetry"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// world is a machine with 4 CPUs, 8 GiB of memory, of which a quarter is used, and the
// files of a test.
type world struct {
	log bytes.Buffer
	now func() time.Time

	mu     sync.Mutex // guards the fields below
	files  fstest.MapFS
	cpu    telemetry.CPUTimes
	memory telemetry.MemoryState
	err    error
}

func newWorld(files map[string]string) *world {
	w := &world{
		now:    time.Now,
		files:  fstest.MapFS{},
		cpu:    telemetry.CPUTimes{Busy: 1000, Total: 9000, Count: 4},
		memory: telemetry.MemoryState{Used: 2 * gib, Total: 8 * gib},
	}
	for name, text := range files {
		w.write(name, text)
	}
	return w
}

func (w *world) CPU() (telemetry.CPUTimes, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cpu, w.err
}

func (w *world) Memory() (telemetry.MemoryState, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.memory, w.err
}

func (w *world) Open(name string) (fs.File, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files.Open(name)
}

// write sets the text of a file.
func (w *world) write(name, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[name] = &fstest.MapFile{Data: []byte(text)}
}

// remove removes a file.
func (w *world) remove(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.files, name)
}

// fail makes all readings of the machine fail with an error, or succeed if it is nil.
func (w *world) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// restart sets the machine's counters to zero.
func (w *world) restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cpu.Busy, w.cpu.Total = 0, 0
}

// second advances the time by a second, in which the CPUs were busy for this many CPU
// seconds, and waits for the sample. Call it in synctest bubbles only.
func (w *world) second(busy float64) {
	w.mu.Lock()
	w.cpu.Busy += busy
	w.cpu.Total += float64(w.cpu.Count)
	w.mu.Unlock()
	time.Sleep(time.Second)
	synctest.Wait()
}

// start measures the world until the test ends. It returns halfway between two samples, so
// that the next sample includes the changes of the test.
func (w *world) start(t *testing.T, reg *prometheus.Registry) *telemetry.Machine {
	t.Helper()
	m := telemetry.NewMachine(telemetry.MachineOptions{
		Registerer: reg, Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
		Root: w, System: w, Now: w.now,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	time.Sleep(500 * time.Millisecond)
	return m
}

// gauge returns the value of a gauge and whether it exists.
func gauge(t *testing.T, reg prometheus.Gatherer, name string) (float64, bool) {
	t.Helper()
	family := gather(t, reg)[name]
	if family == nil {
		return 0, false
	}
	return family.GetMetric()[0].GetGauge().GetValue(), true
}

// wantGauge checks the value of a gauge; NaN means that it has no series.
func wantGauge(t *testing.T, reg prometheus.Gatherer, name string, want float64) {
	t.Helper()
	got, there := gauge(t, reg, name)
	if there == math.IsNaN(want) || there && math.Abs(got-want) > 0.001 {
		t.Errorf("%s is %v (present: %t), want %v", name, got, there, want)
	}
}

func TestMachineWithoutControlGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reg := newWorld(nil), prometheus.NewRegistry()
		m := w.start(t, reg)
		wantGauge(t, reg, "memory_usage_percent", 25)
		wantGauge(t, reg, "cpu_usage_percent", math.NaN()) // no value yet
		if got := m.MemoryLimit(); got != 8*gib {
			t.Errorf("memory limit is %d, want %d", got, uint64(8*gib))
		}

		w.second(1) // of 4 CPUs
		wantGauge(t, reg, "cpu_usage_percent", 25)
	})
}

func TestCPUIsAveragedOverFiveSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reg := newWorld(nil), prometheus.NewRegistry()
		w.start(t, reg)
		// All CPUs are busy for one second. The average falls while the window grows to
		// 5 s, and is 0 once that second is outside the window.
		w.second(0)
		w.second(4)
		wantGauge(t, reg, "cpu_usage_percent", 50)
		w.second(0)
		wantGauge(t, reg, "cpu_usage_percent", 100.0/3)
		for range 3 {
			w.second(0)
		}
		wantGauge(t, reg, "cpu_usage_percent", 20)
		w.second(0)
		wantGauge(t, reg, "cpu_usage_percent", 0)
	})
}

// On a busy machine a late tick can be followed closely by the next one.
func TestShortWindowHasNoValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reg := newWorld(nil), prometheus.NewRegistry()
		start := time.Now()
		w.now = func() time.Time { return start.Add(time.Since(start) / 2) }
		w.start(t, reg)
		w.second(1)
		wantGauge(t, reg, "cpu_usage_percent", math.NaN()) // half a second by this clock
		w.second(1)
		wantGauge(t, reg, "cpu_usage_percent", 25)
	})
}

// If usage were measured since the last scrape, a second scraper would change the values.
func TestScrapersDoNotAffectEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reg := newWorld(nil), prometheus.NewRegistry()
		w.start(t, reg)
		for range 8 {
			w.second(2)
			for range 3 {
				wantGauge(t, reg, "cpu_usage_percent", 50)
			}
		}
	})
}

func TestCounterReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reg := newWorld(nil), prometheus.NewRegistry()
		w.start(t, reg)
		for range 2 {
			w.second(0)
		}
		w.restart()
		w.second(0)
		wantGauge(t, reg, "cpu_usage_percent", math.NaN())
		w.second(3)
		wantGauge(t, reg, "cpu_usage_percent", 75)
	})
}

func TestUnreadableMachineHasNoSeries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reg := newWorld(nil), prometheus.NewRegistry()
		m := w.start(t, reg)
		for range 2 {
			w.second(0)
		}

		w.fail(errors.New("no such device"))
		for range 3 {
			w.second(0)
		}
		wantGauge(t, reg, "cpu_usage_percent", math.NaN())
		wantGauge(t, reg, "memory_usage_percent", math.NaN())
		if got := m.MemoryLimit(); got != 8*gib {
			t.Errorf("memory limit is %d, want the last known one, %d", got, uint64(8*gib))
		}
		if n := strings.Count(w.log.String(), "measuring the machine failed"); n != 1 {
			t.Errorf("logged %d times, want once:\n%s", n, &w.log)
		}

		w.fail(nil)
		w.second(0)
		wantGauge(t, reg, "cpu_usage_percent", 0)
		wantGauge(t, reg, "memory_usage_percent", 25)
	})
}

// The values of the machine that runs the tests are unknown, but they must be plausible.
func TestThisSystem(t *testing.T) {
	t.Parallel()
	system := telemetry.NewSystem()
	before, err := system.CPU()
	if err != nil {
		t.Fatal(err)
	}
	after, err := system.CPU()
	if err != nil {
		t.Fatal(err)
	}
	if after.Count < 1 || after.Busy <= 0 || after.Total <= after.Busy || after.Busy < before.Busy {
		t.Errorf("cpu times are %+v and then %+v", before, after)
	}
	memory, err := system.Memory()
	if err != nil {
		t.Fatal(err)
	}
	if memory.Used == 0 || memory.Total <= memory.Used || memory.Total < 64*mib {
		t.Errorf("memory is %+v", memory)
	}
}

func TestDefaultMachineIsThisOne(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := telemetry.NewMachine(telemetry.MachineOptions{Registerer: reg, Logger: quiet()})
	if got, there := gauge(t, reg, "memory_usage_percent"); !there || got <= 0 || got > 100 {
		t.Errorf("memory_usage_percent is %v (present: %t)", got, there)
	}
	if m.MemoryLimit() == 0 {
		t.Error("the memory limit is unknown")
	}
}
