//go:build soak

package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
)

var figuresTime = flag.Duration("figures", 10*time.Minute, "how long `onsale up` runs before its memory is read")

// The limits of the resources of `onsale up`.
const (
	maxBinary = 70e6                 // bytes; stripped
	maxStart  = time.Second          // until the API is ready;
	maxMemory = 150e6                // bytes resident (proportional), with the demo users
	maxWatch  = 0.04                 // of a core, for the monitoring
	minSold   = 0.9                  // purchase rate with monitoring, as a share of that without
	watchTime = 60 * time.Second     // how long the cost of the monitoring is measured
	startPoll = 2 * time.Millisecond // interval at which a start is polled
)

// TestFigures measures the resources of `onsale up`. Run it with `make figures`.
func TestFigures(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "onsale")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Run("binary", func(t *testing.T) {
		info, err := os.Stat(binary)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("stripped binary: %.1f MB", float64(info.Size())/1e6)
		if info.Size() > maxBinary {
			t.Errorf("more than %.0f MB", maxBinary/1e6)
		}
	})
	t.Run("start", func(t *testing.T) { measureStart(t, binary) })
	t.Run("monitoring", func(t *testing.T) { measureMonitoring(t, binary) })
	t.Run("rate", func(t *testing.T) { measureRate(t, binary) })
	t.Run("memory", func(t *testing.T) { measureMemory(t, binary) })
}

// measureStart measures a start with an empty data directory, and one with existing data.
func measureStart(t *testing.T, binary string) {
	dir := dataDir(t)
	for _, which := range []string{"first", "second", "third"} {
		began := time.Now()
		p := launchProgram(t, binary, nil, "up", "--listen", "127.0.0.1:0", dir)
		for !strings.Contains(p.stderr.String(), "ready on ") {
			if time.Since(began) > startLimit {
				t.Fatalf("not ready within %s", startLimit)
			}
			time.Sleep(startPoll)
		}
		took := time.Since(began)
		if status, body := call(t.Context(), newClient(), http.MethodGet, p.url()+"/ready", ""); status != http.StatusOK {
			t.Fatalf("/ready answered %d %s", status, body)
		}
		t.Logf("%s start: API ready after %s", which, took.Round(time.Millisecond))
		if took > maxStart {
			t.Errorf("more than %s", maxStart)
		}
		time.Sleep(5 * time.Second) // something to continue with
		if code := p.terminate(); code != command.ExitOK {
			t.Fatalf("exit code %d", code)
		}
	}
}

// measureMonitoring runs up and serve idle at the same time, and compares their CPU time.
func measureMonitoring(t *testing.T, binary string) {
	up := startProgram(t, binary, "up", "--crowd", "0", dataDir(t))
	serve := startProgram(t, binary, "serve", dataDir(t))
	time.Sleep(10 * time.Second) // excludes the cost of the start
	before := [2]time.Duration{cpuTime(t, up), cpuTime(t, serve)}
	time.Sleep(watchTime)
	share := func(p *process, before time.Duration) float64 {
		return (cpuTime(t, p) - before).Seconds() / watchTime.Seconds()
	}
	watched, bare := share(up, before[0]), share(serve, before[1])
	t.Logf("up --crowd 0: %.2f %% of a core, serve: %.2f %%, monitoring: %.2f %%", 100*watched, 100*bare, 100*(watched-bare))
	if watched-bare > maxWatch {
		t.Errorf("more than %.0f %%", 100*maxWatch)
	}
}

// measureRate sells with and without monitoring, in turns.
func measureRate(t *testing.T, binary string) {
	with := newRush(t, startProgram(t, binary, "up", "--crowd", "0", "--faults", "off", dataDir(t)).url(), 2_000_000_000)
	without := newRush(t, startProgram(t, binary, "up", "--crowd", "0", "--monitor", "off", "--faults", "off", dataDir(t)).url(), 2_000_000_000)
	const connections = 64
	var ratios []float64
	for range benchRounds {
		watched, bare := with.wrk(connections), without.wrk(connections)
		t.Logf("%8.0f sold/s with monitoring, %8.0f without: %.2f", watched, bare, watched/bare)
		ratios = append(ratios, watched/bare)
	}
	t.Logf("median: %.2f", median(ratios))
	if median(ratios) < minSold {
		t.Errorf("less than %.1f", minSold)
	}
}

// measureMemory runs the demo users and reads the resident memory.
func measureMemory(t *testing.T, binary string) {
	p := startProgram(t, binary, "up", dataDir(t))
	const steps = 10
	for i := range steps {
		time.Sleep(*figuresTime / steps)
		t.Logf("%5s: memory %5.1f MB", (*figuresTime / steps * time.Duration(i+1)).Round(time.Second), resident(t, p)/1e6)
	}
	if taken := resident(t, p); taken > maxMemory {
		t.Errorf("memory %.1f MB, more than %.0f MB", taken/1e6, maxMemory/1e6)
	}
}

// startProgram starts a subcommand on a free port and waits until it is ready.
func startProgram(t *testing.T, binary, command string, args ...string) *process {
	t.Helper()
	p := launchProgram(t, binary, nil, append([]string{command, "--listen", "127.0.0.1:0"}, args...)...)
	p.waitFor(`ready on (http://\S+)`)
	return p
}

// resident returns the resident memory of a process and its child, in bytes. Shared memory
// counts once.
func resident(t *testing.T, p *process) float64 {
	t.Helper()
	var sum float64
	for _, pid := range family(t, p) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			t.Fatal(err)
		}
		sum += kilobytes(t, status, "Pss") * 1024
	}
	return sum
}

// kilobytes reads a value in kB from a file of /proc/PID.
func kilobytes(t *testing.T, file []byte, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB`).FindSubmatch(file)
	if m == nil {
		t.Fatalf("no %s in:\n%s", name, file)
	}
	figure, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return figure
}
