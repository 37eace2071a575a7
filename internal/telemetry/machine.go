package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sampleInterval is the time between two readings of the machine.
const sampleInterval = time.Second

// MachineOptions are the options of a Machine. Root, System and Now are for tests.
type MachineOptions struct {
	Registerer prometheus.Registerer
	Logger     *slog.Logger
	// Root is the file system with proc and sys; nil means that of the machine. If it
	// has no control groups, as on any system other than Linux, the whole machine is
	// measured.
	Root fs.FS
	// System reads the whole machine; nil means the one that runs this process.
	System System
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Machine measures the usage of CPU and memory, in per cent of the machine or of the
// limit of its control group, if that is lower. It ignores limits on the set of CPUs
// (cpuset).
//
// It takes its readings in the background, so that all scrapers see the same values and
// a scrape does not shorten another scraper's window.
type Machine struct {
	system  System
	groups  *controlGroups
	now     func() time.Time
	logger  *slog.Logger
	started time.Time

	window  cpuWindow // of the goroutine that samples
	failing bool      // the same

	last  atomic.Pointer[reading]
	limit atomic.Uint64 // bytes
}

// reading has the values until the next sample, in per cent. A value that could not be
// read is nil and has no series.
type reading struct{ cpu, memory *float64 }

// NewMachine registers cpu_usage_percent and memory_usage_percent and takes the first
// sample. Memory has a value at once. CPU has no series until a second after Run started.
// It panics if the metrics are already registered.
func NewMachine(o MachineOptions) *Machine {
	if o.Root == nil {
		o.Root = os.DirFS("/")
	}
	if o.System == nil {
		o.System = newSystem()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Machine{
		system: o.System, groups: findControlGroups(o.Root),
		now: o.Now, logger: o.Logger, started: o.Now(),
	}
	m.sample()
	o.Registerer.MustRegister(&machineMetrics{
		machine: m,
		cpu: prometheus.NewDesc("cpu_usage_percent",
			"CPU usage over the last 5 seconds, in per cent of the machine or of the container's limit.", nil, nil),
		memory: prometheus.NewDesc("memory_usage_percent",
			"Memory usage without reclaimable caches, in per cent of the machine or of the container's limit.", nil, nil),
	})
	return m
}

// Run takes a sample every second until ctx ends. Call it once.
func (m *Machine) Run(ctx context.Context) {
	ticker := time.NewTicker(sampleInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.sample()
		}
	}
}

// MemoryLimit returns the memory that the process can use, in bytes: the limit of the
// control group or the memory of the machine, whichever is less. The value is from the
// last successful sample; 0 if there was none.
func (m *Machine) MemoryLimit() uint64 { return m.limit.Load() }

// sample reads CPU and memory and publishes them. It logs only the first of successive
// errors.
func (m *Machine) sample() {
	var r reading
	var errCPU, errMemory error
	if r.cpu, errCPU = m.cpuPercent(); errCPU != nil {
		errCPU = fmt.Errorf("read cpu usage: %w", errCPU)
	}
	if r.memory, errMemory = m.memoryPercent(); errMemory != nil {
		errMemory = fmt.Errorf("read memory usage: %w", errMemory)
	}
	m.last.Store(&r)

	err := errors.Join(errCPU, errMemory)
	if err != nil && !m.failing {
		m.logger.Warn("measuring the machine failed", "error", err)
	}
	m.failing = err != nil
}

// cpuPercent adds a sample to the window and returns the usage over it, or nil while the
// window is too short.
func (m *Machine) cpuPercent() (*float64, error) {
	whole, err := m.system.CPU()
	if err != nil {
		return nil, err
	}
	group, limited, err := m.groups.cpuGroup(whole.Count)
	if err != nil {
		return nil, err
	}
	s := cpuSample{at: m.now(), used: whole.Busy, available: whole.Total}
	if limited {
		s.source = group
		s.available = s.at.Sub(m.started).Seconds() * group.cpus
		if s.used, err = m.groups.cpuSeconds(group); err != nil {
			return nil, err
		}
	}
	m.window.add(s)
	return m.window.percent(), nil
}

// memoryPercent returns the memory usage and stores the limit.
func (m *Machine) memoryPercent() (*float64, error) {
	used, limit, err := m.Memory()
	if limit > 0 {
		m.limit.Store(limit)
	}
	if err != nil {
		return nil, err
	}
	return percent(float64(used), float64(limit)), nil
}

// Memory reads the memory usage and the limit, in bytes. It takes about 10 µs.
func (m *Machine) Memory() (used, limit uint64, err error) {
	whole, err := m.system.Memory()
	if err != nil {
		return 0, 0, err
	}
	group, limited, err := m.groups.memoryGroup(whole.Total)
	switch {
	case err != nil:
		return 0, 0, err
	case !limited:
		return whole.Used, whole.Total, nil
	}
	used, err = m.groups.memoryUsed(group)
	return used, group.bytes, err
}

// CPULimit returns the number of CPUs that the control group allows. It returns 0 if there
// is no limit below the number of CPUs of the machine, or if it cannot be read.
func (m *Machine) CPULimit() float64 {
	whole, err := m.system.CPU()
	if err != nil {
		return 0
	}
	group, limited, err := m.groups.cpuGroup(whole.Count)
	if err != nil || !limited {
		return 0
	}
	return group.cpus
}

// percent returns used in per cent of available, from 0 to 100, or nil if available is
// not positive.
func percent(used, available float64) *float64 {
	if !(available > 0) {
		return nil
	}
	p := min(max(100*used/available, 0), 100)
	return &p
}

// machineMetrics is the collector of the last reading.
type machineMetrics struct {
	machine     *Machine
	cpu, memory *prometheus.Desc
}

var _ prometheus.Collector = (*machineMetrics)(nil)

// Describe sends the descriptions of the two gauges.
func (c *machineMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- c.cpu
	out <- c.memory
}

// Collect sends the values of the last sample.
func (c *machineMetrics) Collect(out chan<- prometheus.Metric) {
	r := c.machine.last.Load()
	if r.cpu != nil {
		out <- prometheus.MustNewConstMetric(c.cpu, prometheus.GaugeValue, *r.cpu)
	}
	if r.memory != nil {
		out <- prometheus.MustNewConstMetric(c.memory, prometheus.GaugeValue, *r.memory)
	}
}
