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

// world is a machine with 4 CPUs and 8 GiB, a quarter of which is used, and
// whatever files a test puts into it.
type world struct {
	log bytes.Buffer
	now func() time.Time

	mu     sync.Mutex // guards what follows
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

// fail makes the machine unreadable, or readable with nil.
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

// second lets a second pass, in which the CPUs were busy for so many CPU
// seconds, and waits for the sample. It is for synctest bubbles.
func (w *world) second(busy float64) {
	w.mu.Lock()
	w.cpu.Busy += busy
	w.cpu.Total += float64(w.cpu.Count)
	w.mu.Unlock()
	time.Sleep(time.Second)
	synctest.Wait()
}

// start measures the world until the test ends. It returns in the middle
// between two samples, so that what a test changes is in the next one.
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

// gauge returns the value of a gauge and whether it is there.
func gauge(t *testing.T, reg prometheus.Gatherer, name string) (float64, bool) {
	t.Helper()
	family := gather(t, reg)[name]
	if family == nil {
		return 0, false
	}
	return family.GetMetric()[0].GetGauge().GetValue(), true
}

// wantGauge checks a gauge's value; NaN stands for no series at all.
func wantGauge(t *testing.T, reg prometheus.Gatherer, name string, want float64) {
	t.Helper()
	got, there := gauge(t, reg, name)
	if there == math.IsNaN(want) || there && math.Abs(got-want) > 0.001 {
		t.Errorf("%s is %v (there: %t), want %v", name, got, there, want)
	}
}

func TestMachineWithoutControlGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, reg := newWorld(nil), prometheus.NewRegistry()
		m := w.start(t, reg)
		wantGauge(t, reg, "memory_usage_percent", 25)
		wantGauge(t, reg, "cpu_usage_percent", math.NaN()) // nothing to say yet, and no lie
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
		// One busy second on all CPUs among idle ones: its share shrinks as the
		// window grows to 5 s, and then it leaves the window.
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

// A busy machine lets the ticker be late, and then two samples close together.
func TestTooShortAWindowHasNoValue(t *testing.T) {
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

// Usage since the last scrape would be spoilt by a second scraper.
func TestScrapersDoNotDisturbEachOther(t *testing.T) {
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

func TestCountersThatBeginAnew(t *testing.T) {
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
			t.Errorf("memory limit is %d, want the last one known, %d", got, uint64(8*gib))
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

// The machine that runs the tests: what its values are nobody knows, but they
// must make sense.
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

func TestMachineByDefaultIsThisOne(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := telemetry.NewMachine(telemetry.MachineOptions{Registerer: reg, Logger: quiet()})
	if got, there := gauge(t, reg, "memory_usage_percent"); !there || got <= 0 || got > 100 {
		t.Errorf("memory_usage_percent is %v (there: %t)", got, there)
	}
	if m.MemoryLimit() == 0 {
		t.Error("the memory limit is unknown")
	}
}
