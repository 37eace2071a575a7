package telemetry

import (
	"errors"
	"runtime"
	"sync"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/mem"
)

// System reads the whole machine. Its methods return at once.
type System interface {
	CPU() (CPUTimes, error)
	Memory() (MemoryState, error)
}

// CPUTimes counts the time of all CPUs together since the machine started.
type CPUTimes struct {
	// Busy and Total are CPU seconds; Total includes idle time.
	Busy, Total float64
	// Count is the number of logical CPUs.
	Count int
}

// MemoryState is the machine's memory, in bytes. Memory that the system can reclaim, such
// as caches, does not count as used.
type MemoryState struct{ Used, Total uint64 }

// thisSystem is the machine that the process runs on.
type thisSystem struct {
	// count returns the number of CPUs as of the first call. On large machines,
	// counting takes too long to repeat it every second.
	count func() (int, error)
}

var _ System = thisSystem{}

// newSystem returns the machine that the process runs on.
func newSystem() thisSystem {
	return thisSystem{count: sync.OnceValues(func() (int, error) { return cpu.Counts(true) })}
}

// CPU returns the machine's counters.
func (s thisSystem) CPU() (CPUTimes, error) {
	count, err := s.count()
	if err != nil {
		return CPUTimes{}, err
	}
	all, err := cpu.Times(false)
	if err != nil {
		return CPUTimes{}, err
	}
	if len(all) == 0 {
		return CPUTimes{}, errors.New("no cpu times")
	}
	t := all[0]
	busy := t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal
	if runtime.GOOS != "linux" {
		busy += t.Guest + t.GuestNice // on Linux, User and Nice contain them
	}
	return CPUTimes{Busy: busy, Total: busy + t.Idle + t.Iowait, Count: count}, nil
}

// Memory returns the machine's memory.
func (thisSystem) Memory() (MemoryState, error) {
	m, err := mem.VirtualMemory()
	if err != nil {
		return MemoryState{}, err
	}
	return MemoryState{Used: m.Total - min(m.Available, m.Total), Total: m.Total}, nil
}
