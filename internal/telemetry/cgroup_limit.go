package telemetry

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// errFormat: a file of a control group has an unexpected format.
var errFormat = errors.New("unknown format")

// cpuGroup is a group that limits the CPU.
type cpuGroup struct {
	name string // relative to the mount
	cpus float64
}

// memoryGroup is a group that limits the memory.
type memoryGroup struct {
	name  string // relative to the mount
	bytes uint64
}

// cpuGroup returns the group with the lowest limit, if that is below the machine's CPUs.
// CPU usage must be read from this group, not from the process's own, because all
// processes in the group share the limit.
func (c *controlGroups) cpuGroup(machineCPUs int) (cpuGroup, bool, error) {
	tightest, limited := cpuGroup{cpus: float64(machineCPUs)}, false
	for _, name := range c.cpu.upwards() {
		cpus, err := c.cpuLimit(name)
		if err != nil {
			return cpuGroup{}, false, err
		}
		if cpus < tightest.cpus {
			tightest, limited = cpuGroup{name, cpus}, true
		}
	}
	return tightest, limited, nil
}

// memoryGroup is cpuGroup for memory.
func (c *controlGroups) memoryGroup(machineBytes uint64) (memoryGroup, bool, error) {
	file := "memory.max"
	if c.memory.version == 1 {
		file = "memory.limit_in_bytes"
	}
	tightest, limited := memoryGroup{bytes: machineBytes}, false
	for _, name := range c.memory.upwards() {
		limit, err := c.limit(c.memory, name, file)
		if err != nil {
			return memoryGroup{}, false, err
		}
		if limit < tightest.bytes {
			tightest, limited = memoryGroup{name, limit}, true
		}
	}
	return tightest, limited, nil
}

// cpuLimit returns the number of CPUs that a group can use: its quota of CPU time per
// period, divided by the period. Without a quota it is infinite.
func (c *controlGroups) cpuLimit(name string) (float64, error) {
	if c.cpu.version == 1 {
		return c.cpuLimitV1(name)
	}
	text, err := c.read(c.cpu, name, "cpu.max")
	if errors.Is(err, fs.ErrNotExist) {
		return math.Inf(1), nil // the root of the tree has no limits
	}
	if err != nil {
		return 0, err
	}
	quota, period, _ := strings.Cut(text, " ")
	if quota == "max" {
		return math.Inf(1), nil
	}
	return share("cpu.max", quota, period)
}

// cpuLimitV1 is cpuLimit for version 1, where -1 means no quota.
func (c *controlGroups) cpuLimitV1(name string) (float64, error) {
	quota, err := c.read(c.cpu, name, "cpu.cfs_quota_us")
	if errors.Is(err, fs.ErrNotExist) || quota == "-1" {
		return math.Inf(1), nil
	}
	if err != nil {
		return 0, err
	}
	period, err := c.read(c.cpu, name, "cpu.cfs_period_us")
	if err != nil {
		return 0, err
	}
	return share("cpu.cfs_quota_us", quota, period)
}

// cpuSeconds returns the CPU time that a group has used, over all CPUs.
func (c *controlGroups) cpuSeconds(g cpuGroup) (float64, error) {
	if c.cpu.version == 1 {
		// The two controllers can have separate mounts with the same groups.
		nanoseconds, err := c.number(c.cpuacct, g.name, "cpuacct.usage")
		return float64(nanoseconds) / 1e9, err
	}
	microseconds, err := c.field(c.cpu, g.name, "cpu.stat", "usage_usec")
	return float64(microseconds) / 1e6, err
}

// memoryUsed returns the bytes that a group uses, without the inactive file cache. This is
// the working set that Kubernetes uses for evictions.
func (c *controlGroups) memoryUsed(g memoryGroup) (uint64, error) {
	file, cacheField := "memory.current", "inactive_file"
	if c.memory.version == 1 {
		file, cacheField = "memory.usage_in_bytes", "total_inactive_file"
	}
	used, err := c.number(c.memory, g.name, file)
	if err != nil {
		return 0, err
	}
	cache, err := c.field(c.memory, g.name, "memory.stat", cacheField)
	if err != nil {
		return 0, err
	}
	return used - min(cache, used), nil
}

// share divides a quota by its period, both in microseconds.
func share(file, quota, period string) (float64, error) {
	q, errQuota := strconv.ParseUint(quota, 10, 64)
	p, errPeriod := strconv.ParseUint(period, 10, 64)
	if errQuota != nil || errPeriod != nil || q == 0 || p == 0 {
		return 0, fmt.Errorf("parse %s: %w", file, errFormat)
	}
	return float64(q) / float64(p), nil
}

// limit reads a limit in bytes. "max" and a missing file mean no limit.
func (c *controlGroups) limit(h hierarchy, name, file string) (uint64, error) {
	text, err := c.read(h, name, file)
	if errors.Is(err, fs.ErrNotExist) || text == "max" {
		return math.MaxUint64, nil
	}
	if err != nil {
		return 0, err
	}
	return parseNumber(file, text)
}

// number reads a file with one number.
func (c *controlGroups) number(h hierarchy, name, file string) (uint64, error) {
	text, err := c.read(h, name, file)
	if err != nil {
		return 0, err
	}
	return parseNumber(file, text)
}

// field reads one number from a file with lines of "KEY NUMBER".
func (c *controlGroups) field(h hierarchy, name, file, key string) (uint64, error) {
	text, err := c.read(h, name, file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, key+" "); ok {
			return parseNumber(file, strings.TrimSpace(value))
		}
	}
	return 0, fmt.Errorf("find %s in %s: %w", key, file, errFormat)
}

// read returns the content of a group's file without surrounding white space.
func (c *controlGroups) read(h hierarchy, name, file string) (string, error) {
	text, err := fs.ReadFile(c.root, path.Join(h.mount, name, file))
	return strings.TrimSpace(string(text)), err
}

// parseNumber parses the content of a file with one number.
func parseNumber(file, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", file, errFormat)
	}
	return n, nil
}
