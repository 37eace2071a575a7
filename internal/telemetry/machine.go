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

// MachineOptions are what a Machine needs. Root, System and Now are for tests.
type MachineOptions struct {
	Registerer prometheus.Registerer
	Logger     *slog.Logger
	// Root is the file system that holds proc and sys; nil for the machine's
	// own. Where there are no control groups in it, as on any system but
	// Linux, the whole machine is measured.
	Root fs.FS
	// System reads the whole machine; nil for the one that this process runs on.
	System System
	// Now is the clock; nil for time.Now.
	Now func() time.Time
}

// Machine measures how much of the CPU and the memory that may be used is in
// use: of the machine or, where a control group allows less, of its limit.
// A limit on the set of CPUs (cpuset) does not count as one.
//
// Readings are taken in the background, not by the scrape, so that any number
// of scrapers see the same and none shortens another's window.
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

// reading is what is scraped until the next sample, in per cent. What could
// not be read is nil, and has no series for as long.
type reading struct{ cpu, memory *float64 }

// NewMachine registers cpu_usage_percent and memory_usage_percent and takes the
// first sample. Memory has a value at once; CPU has one a second after Run
// started, and until then no series. It panics if they are registered already.
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
			"CPU in use over the last seconds, in per cent of what may be used.", nil, nil),
		memory: prometheus.NewDesc("memory_usage_percent",
			"Memory in use without reclaimable caches, in per cent of what may be used.", nil, nil),
	})
	return m
}

// Run takes a sample every second until ctx ends. It is to be called once.
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

// MemoryLimit returns how much memory may be used, in bytes: the limit of the
// control group or the memory of the machine, whichever is less, as of the last
// sample that could be taken. It is 0 before the first that could.
func (m *Machine) MemoryLimit() uint64 { return m.limit.Load() }

// sample reads CPU and memory and publishes them. Trouble is logged when it
// begins, not every second.
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

// cpuPercent adds a sample to the window and returns the usage over it, or nil
// while the window is too short to tell.
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

// memoryPercent returns the memory in use, and notes the limit.
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

// Memory reads how much memory is in use, and how much may be used, in bytes. It
// takes some ten microseconds.
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

// CPULimit returns how many processors the control group allows; 0 if no fewer
// than the machine has, or if that cannot be read.
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

// percent returns the share of available that is used, from 0 to 100, or nil if
// nothing is available.
func percent(used, available float64) *float64 {
	if !(available > 0) {
		return nil
	}
	p := min(max(100*used/available, 0), 100)
	return &p
}

// machineMetrics gives the last reading to the registry.
type machineMetrics struct {
	machine     *Machine
	cpu, memory *prometheus.Desc
}

var _ prometheus.Collector = (*machineMetrics)(nil)

// Describe names the two gauges.
func (c *machineMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- c.cpu
	out <- c.memory
}

// Collect sends what the last sample could read.
func (c *machineMetrics) Collect(out chan<- prometheus.Metric) {
	r := c.machine.last.Load()
	if r.cpu != nil {
		out <- prometheus.MustNewConstMetric(c.cpu, prometheus.GaugeValue, *r.cpu)
	}
	if r.memory != nil {
		out <- prometheus.MustNewConstMetric(c.memory, prometheus.GaugeValue, *r.memory)
	}
}
