package telemetry_test

import (
	"fmt"
	"maps"
	"math"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/telemetry"
)

// Mounts in the format of /proc/self/mountinfo.
const (
	mountV2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,relatime shared:4 - cgroup2 cgroup rw,nsdelegate\n"
	// Version 1 in a Docker container: the top of each mount is the container's group,
	// and cpu and cpuacct share a mount.
	mountV1Docker = `31 30 0:28 /docker/c0ffee /sys/fs/cgroup/cpu,cpuacct ro,relatime master:11 - cgroup none rw,cpu,cpuacct
32 30 0:29 /docker/c0ffee /sys/fs/cgroup/memory ro,relatime master:12 - cgroup none rw,memory
`
	// A host with a separate mount of each version 1 controller, and an empty
	// version 2.
	mountHybrid = `31 30 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup none rw,cpu
32 30 0:29 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup none rw,cpuacct
33 30 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup none rw,memory
34 30 0:31 / /sys/fs/cgroup/systemd rw,relatime - cgroup none rw,name=systemd
35 30 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup rw
`
)

// unlimitedV1 is the value of version 1 for no limit.
const unlimitedV1 = "9223372036854771712\n"

// groupV2 returns the files of a version 2 group that uses 300 MiB, including 100 MiB of
// inactive file cache.
func groupV2(dir, cpuMax, memoryMax string) map[string]string {
	return map[string]string{
		dir + "/cpu.max":        cpuMax,
		dir + "/cpu.stat":       "usage_usec 7000000\nuser_usec 5000000\nsystem_usec 2000000\n",
		dir + "/memory.max":     memoryMax,
		dir + "/memory.current": fmt.Sprintln(300 * mib),
		dir + "/memory.stat":    fmt.Sprintf("anon %d\nfile 1\ninactive_file %d\nactive_file 0\n", 200*mib, 100*mib),
	}
}

// groupV1 returns the files of a version 1 group with the same usage.
func groupV1(cpuDir, cpuacctDir, memoryDir, quota, limit string) map[string]string {
	return map[string]string{
		cpuDir + "/cpu.cfs_quota_us":          quota,
		cpuDir + "/cpu.cfs_period_us":         "100000\n",
		cpuacctDir + "/cpuacct.usage":         "7000000000\n",
		memoryDir + "/memory.limit_in_bytes":  limit,
		memoryDir + "/memory.usage_in_bytes":  fmt.Sprintln(300 * mib),
		memoryDir + "/memory.stat":            fmt.Sprintf("inactive_file 5\ntotal_inactive_file %d\n", 100*mib),
		memoryDir + "/memory.kmem.limit_in_b": unlimitedV1,
	}
}

// proc returns the files in /proc with the groups and the mounts of the process.
func proc(cgroup, mountinfo string) map[string]string {
	return map[string]string{"proc/self/cgroup": cgroup, "proc/self/mountinfo": mountinfo}
}

// merge merges sets of files.
func merge(parts ...map[string]string) map[string]string {
	all := make(map[string]string)
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

// In each case the group uses a quarter of a CPU and 200 MiB, and the machine uses two of
// its four CPUs and a quarter of its 8 GiB.
func TestLimitsOfControlGroups(t *testing.T) {
	t.Parallel()
	const (
		top       = "sys/fs/cgroup"
		pod       = top + "/kubepods/pod1"
		container = pod + "/c1"
		oneGiB    = "1073741824\n"
		halfACPU  = "50000 100000\n"
	)
	machine := [3]float64{50, 25, 8 * gib}                 // cpu %, memory %, memory limit
	limited := [3]float64{50, 100 * 200.0 / 1024, 1 << 30} // half a CPU, 1 GiB
	tight := [3]float64{100, 100 * 200.0 / 256, 256 * mib} // a quarter of a CPU, 256 MiB
	memoryOnly := [3]float64{machine[0], limited[1], gib}  // no quota
	cpuOnly := [3]float64{limited[0], machine[1], 8 * gib} // no memory limit
	twoCPUs := [3]float64{12.5, 100 * 200.0 / 4096, 4096 * mib}

	for _, c := range []struct {
		name  string
		files map[string]string
		usage string // the file with the CPU time of the limited group
		want  [3]float64
	}{
		{
			"v2, container with its own namespace",
			merge(proc("0::/\n", mountV2), groupV2(top, halfACPU, oneGiB)),
			top + "/cpu.stat", limited,
		},
		{
			"v2, container that sees the host's name of its group",
			merge(proc("0::/system.slice/docker-c0ffee.scope\n", mountV2), groupV2(top, halfACPU, oneGiB)),
			top + "/cpu.stat", limited,
		},
		{
			"v2, process outside its namespace's root",
			merge(proc("0::/../../other\n", mountV2), groupV2(top, halfACPU, oneGiB),
				groupV2("sys/other", "25000 100000\n", "268435456\n")), // a different group
			top + "/cpu.stat", limited,
		},
		{
			"v2, service on a host",
			merge(proc("0::/system.slice/onsale.service\n", mountV2),
				groupV2(top+"/system.slice/onsale.service", "200000 100000\n", "4294967296\n")),
			top + "/system.slice/onsale.service/cpu.stat", twoCPUs,
		},
		{
			"v2, mount of a part of the tree",
			merge(proc("0::/kubepods/pod1/c1\n",
				"30 23 0:26 /kubepods /mnt/groups rw - cgroup2 cgroup rw\n"),
				groupV2("mnt/groups/pod1/c1", halfACPU, oneGiB)),
			"mnt/groups/pod1/c1/cpu.stat", limited,
		},
		{
			"v2, the group above is tighter",
			merge(proc("0::/kubepods/pod1/c1\n", mountV2), groupV2(container, "max 100000\n", "max\n"),
				groupV2(pod, halfACPU, oneGiB), groupV2(top+"/kubepods", "max 100000\n", "4294967296\n")),
			pod + "/cpu.stat", limited,
		},
		{
			"v2, the own group is tighter",
			merge(proc("0::/kubepods/pod1/c1\n", mountV2), groupV2(container, "25000 100000\n", "268435456\n"),
				groupV2(pod, halfACPU, oneGiB)),
			container + "/cpu.stat", tight,
		},
		{
			"v2, no limits",
			merge(proc("0::/\n", mountV2), groupV2(top, "max 100000\n", "max\n")),
			top + "/cpu.stat", machine,
		},
		{
			"v2, root of a host, without limit files",
			proc("0::/\n", mountV2), "", machine,
		},
		{
			"v2, limits larger than the machine",
			merge(proc("0::/\n", mountV2), groupV2(top, "800000 100000\n", "17179869184\n")),
			top + "/cpu.stat", machine,
		},
		{
			"v2, limits as large as the machine",
			merge(proc("0::/\n", mountV2), groupV2(top, "400000 100000\n", "8589934592\n")),
			top + "/cpu.stat", machine,
		},
		{
			"v2, only memory limited",
			merge(proc("0::/\n", mountV2), groupV2(top, "max 100000\n", oneGiB)),
			top + "/cpu.stat", memoryOnly,
		},
		{
			"v2, only CPU limited",
			merge(proc("0::/\n", mountV2), groupV2(top, halfACPU, "max\n")),
			top + "/cpu.stat", cpuOnly,
		},
		{
			"v1, container",
			merge(proc("5:memory:/docker/c0ffee\n4:cpu,cpuacct:/docker/c0ffee\n1:name=systemd:/docker/c0ffee\n", mountV1Docker),
				groupV1(top+"/cpu,cpuacct", top+"/cpu,cpuacct", top+"/memory", "50000\n", oneGiB)),
			top + "/cpu,cpuacct/cpuacct.usage", limited,
		},
		{
			"v1, separate mounts of controllers, with version 2",
			merge(proc("4:memory:/jobs/7\n2:cpuacct:/jobs/7\n1:cpu:/jobs/7\n0::/\n", mountHybrid),
				groupV1(top+"/cpu/jobs/7", top+"/cpuacct/jobs/7", top+"/memory/jobs/7", "50000\n", oneGiB)),
			top + "/cpuacct/jobs/7/cpuacct.usage", limited,
		},
		{
			"v1, the group above is tighter",
			merge(proc("4:memory:/jobs/7\n2:cpuacct:/jobs/7\n1:cpu:/jobs/7\n", mountHybrid),
				groupV1(top+"/cpu/jobs/7", top+"/cpuacct/jobs/7", top+"/memory/jobs/7", "-1\n", unlimitedV1),
				groupV1(top+"/cpu/jobs", top+"/cpuacct/jobs", top+"/memory/jobs", "50000\n", oneGiB)),
			top + "/cpuacct/jobs/cpuacct.usage", limited,
		},
		{
			"v1, no limits",
			merge(proc("4:memory:/\n2:cpuacct:/\n1:cpu:/\n0::/\n", mountHybrid),
				groupV1(top+"/cpu", top+"/cpuacct", top+"/memory", "-1\n", unlimitedV1)),
			top + "/cpuacct/cpuacct.usage", machine,
		},
		{
			"CPU in version 1, memory in version 2",
			merge(proc("2:cpuacct:/jobs/7\n1:cpu:/jobs/7\n0::/jobs/7\n", mountHybrid),
				groupV1(top+"/cpu/jobs/7", top+"/cpuacct/jobs/7", "elsewhere", "50000\n", unlimitedV1),
				groupV2(top+"/unified/jobs/7", "max\n", oneGiB)),
			top + "/cpuacct/jobs/7/cpuacct.usage", limited,
		},
		{
			"groups without a mount",
			merge(proc("0::/\n", ""), groupV2(top, halfACPU, oneGiB)),
			"", machine,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, reg := newWorld(c.files), prometheus.NewRegistry()
				m := w.start(t, reg)
				for second := 1; second <= 7; second++ {
					w.useCPU(c.usage, 7+0.25*float64(second))
					w.second(2)
					wantGauge(t, reg, "cpu_usage_percent", c.want[0])
				}
				wantGauge(t, reg, "memory_usage_percent", c.want[1])
				if got := m.MemoryLimit(); got != uint64(c.want[2]) {
					t.Errorf("memory limit is %d, want %d", got, uint64(c.want[2]))
				}
				if w.log.Len() > 0 {
					t.Errorf("logged %s", &w.log)
				}
			})
		})
	}
}

// useCPU sets the CPU time of a group, in seconds.
func (w *world) useCPU(file string, seconds float64) {
	switch {
	case file == "":
	case file[len(file)-4:] == "stat":
		w.write(file, fmt.Sprintf("usage_usec %.0f\n", seconds*1e6))
	default:
		w.write(file, strconv.FormatFloat(seconds*1e9, 'f', 0, 64)+"\n")
	}
}

// Limits can change at run time, because Kubernetes resizes containers without a restart.
func TestLimitsChangeAtRunTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const top = "sys/fs/cgroup"
		w := newWorld(merge(proc("0::/\n", mountV2), groupV2(top, "100000 100000\n", "419430400\n")))
		reg := prometheus.NewRegistry()
		m := w.start(t, reg)
		used := 7.0
		use := func(cpuSeconds float64) {
			used += cpuSeconds
			w.useCPU(top+"/cpu.stat", used)
			w.second(0)
		}
		use(0.5)
		wantGauge(t, reg, "cpu_usage_percent", 50)
		wantGauge(t, reg, "memory_usage_percent", 50)

		w.write(top+"/cpu.max", "200000 100000\n")
		w.write(top+"/memory.max", "838860800\n")
		use(0.5)
		wantGauge(t, reg, "cpu_usage_percent", math.NaN()) // two limits are in the window
		use(0.5)
		wantGauge(t, reg, "cpu_usage_percent", 25)
		wantGauge(t, reg, "memory_usage_percent", 25)
		if got := m.MemoryLimit(); got != 800*mib {
			t.Errorf("memory limit is %d, want %d", got, 800*mib)
		}
	})
}

func TestUsageAboveTheLimitIsOneHundredPercent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const top = "sys/fs/cgroup"
		w := newWorld(merge(proc("0::/\n", mountV2), groupV2(top, "50000 100000\n", fmt.Sprintln(100*mib))))
		reg := prometheus.NewRegistry()
		w.start(t, reg)
		w.useCPU(top+"/cpu.stat", 9)
		w.second(0)
		wantGauge(t, reg, "cpu_usage_percent", 100)
		wantGauge(t, reg, "memory_usage_percent", 100)
	})
}

// If the usage of a limited group cannot be read, the machine's values must not be used.
func TestUnreadableGroupsHaveNoSeries(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world){
		"usage is missing": func(w *world) {
			w.remove("sys/fs/cgroup/cpu.stat")
			w.remove("sys/fs/cgroup/memory.current")
		},
		"field is missing": func(w *world) {
			w.write("sys/fs/cgroup/cpu.stat", "user_usec 1\n")
			w.write("sys/fs/cgroup/memory.stat", "anon 1\n")
		},
		"limits are not numbers": func(w *world) {
			w.write("sys/fs/cgroup/cpu.max", "much 100000\n")
			w.write("sys/fs/cgroup/memory.max", "-1\n")
		},
		"period is missing": func(w *world) {
			w.write("sys/fs/cgroup/cpu.max", "50000\n")
			w.write("sys/fs/cgroup/memory.current", "\n")
		},
		"period is zero": func(w *world) {
			w.write("sys/fs/cgroup/cpu.max", "50000 0\n")
			w.write("sys/fs/cgroup/memory.stat", "inactive_file many\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(merge(proc("0::/\n", mountV2),
					groupV2("sys/fs/cgroup", "50000 100000\n", "1073741824\n")))
				change(w)
				reg := prometheus.NewRegistry()
				w.start(t, reg)
				w.second(0)
				w.second(0)
				wantGauge(t, reg, "cpu_usage_percent", math.NaN())
				wantGauge(t, reg, "memory_usage_percent", math.NaN())
				if w.log.Len() == 0 {
					t.Error("nothing was logged")
				}
			})
		})
	}
}

// For any content of the files, nothing panics and no value is out of bounds.
func FuzzControlGroupFiles(f *testing.F) {
	f.Add("0::/\n", mountV2, "50000 100000", "usage_usec 7\n", "1073741824", "5", "inactive_file 3\n")
	f.Add("0::/a/b\n", mountV2, "max 100000", "", "max", "", "")
	f.Add("4:memory:/a\n2:cpuacct:/a\n1:cpu:/a\n", mountHybrid, "50000", "7", "9223372036854771712", "5", "total_inactive_file 9")
	f.Add("5:memory:/docker/c0ffee\n4:cpu,cpuacct:/docker/c0ffee\n", mountV1Docker, "-1", "0", "4096", "5000", "")
	f.Add("0::/../..\n::\n", "1 2 3 / / rw - cgroup2 cgroup rw\n", "1 1", "usage_usec 1", "0", "0", "inactive_file 0")
	f.Fuzz(func(t *testing.T, cgroup, mountinfo, cpuMax, cpuUsage, memoryMax, memoryUsage, memoryStat string) {
		files := proc(cgroup, mountinfo)
		for _, dir := range []string{
			"", "sys/fs/cgroup/", "sys/fs/cgroup/a/", "sys/fs/cgroup/cpu/a/", "sys/fs/cgroup/cpuacct/a/",
			"sys/fs/cgroup/memory/a/", "sys/fs/cgroup/cpu,cpuacct/", "sys/fs/cgroup/memory/",
		} {
			for file, text := range map[string]string{
				"cpu.max": cpuMax, "cpu.cfs_quota_us": cpuMax, "cpu.cfs_period_us": "100000",
				"cpu.stat": cpuUsage, "cpuacct.usage": cpuUsage,
				"memory.max": memoryMax, "memory.limit_in_bytes": memoryMax,
				"memory.current": memoryUsage, "memory.usage_in_bytes": memoryUsage, "memory.stat": memoryStat,
			} {
				files[dir+file] = text
			}
		}
		w, reg := newWorld(files), prometheus.NewRegistry()
		m := telemetry.NewMachine(telemetry.MachineOptions{
			Registerer: reg, Logger: quiet(), Root: w, System: w, Now: time.Now,
		})
		if got := m.MemoryLimit(); got > 8*gib {
			t.Errorf("memory limit is %d, more than the machine has", got)
		}
		if got, there := gauge(t, reg, "memory_usage_percent"); there && !(got >= 0 && got <= 100) {
			t.Errorf("memory_usage_percent is %v", got)
		}
	})
}
