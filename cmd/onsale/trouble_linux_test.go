package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
)

// mount is a shell script for a new mount namespace. It mounts a new file system at a directory
// and then executes a program.
const mount = `mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"`

// launchOnDisk starts onsale with a small disk at a directory. No other process sees the disk,
// and it disappears with the process. The options are mount options.
func launchOnDisk(t *testing.T, options, dir string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return launchProgram(t, "unshare", nil, append([]string{namespace(t), "sh", "-c", mount, "sh", options, dir, self}, args...)...)
}

// namespace returns the flags with which unshare is allowed to mount: as root, or as root of a
// user namespace.
func namespace(t *testing.T) string {
	t.Helper()
	var said []string
	for _, flag := range []string{"-m", "-Urm"} {
		out, err := exec.CommandContext(t.Context(), "unshare", flag, "sh", "-c", mount, "sh", "size=4k", t.TempDir(), "true").CombinedOutput()
		if err == nil {
			return flag
		}
		said = append(said, fmt.Sprintf("unshare %s: %v %s", flag, err, strings.TrimSpace(string(out))))
	}
	t.Fatalf("this test must be allowed to mount a disk; in a container, add --cap-add SYS_ADMIN (%s)", strings.Join(said, "; "))
	return ""
}

// onDisk returns the path of a file on the small disk for other processes.
func (p *process) onDisk(file string) string {
	return fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, file)
}

// fill fills the small disk at a directory. The returned function frees the space.
func (p *process) fill(dir string) (empty func()) {
	p.t.Helper()
	ballast := p.onDisk(filepath.Join(dir, "ballast"))
	f, err := os.Create(ballast)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	zeros := make([]byte, 1<<20)
	for len(zeros) > 0 {
		switch _, err := f.Write(zeros); {
		case errors.Is(err, syscall.ENOSPC):
			zeros = zeros[:len(zeros)/2]
		case err != nil:
			p.t.Fatal(err)
		}
	}
	return func() {
		p.t.Helper()
		if err := os.Remove(ballast); err != nil {
			p.t.Fatal(err)
		}
	}
}

// warnings counts the log lines above the level info.
func (p *process) warnings() int {
	said := p.stderr.String()
	return strings.Count(said, "level=WARN") + strings.Count(said, "level=ERROR")
}

// TestFullDiskOfTheMetrics fills the disk while so many samples are in memory that the metrics
// must write them when they stop. The library panics there.
func TestFullDiskOfTheMetrics(t *testing.T) {
	t.Parallel()
	fast := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			fmt.Fprintf(w, "fast{number=\"%d\"} 1\n", i)
		}
	}))
	defer fast.Close()
	config := writeFile(t, "prometheus.yml", fmt.Sprintf(
		"scrape_configs:\n  - {job_name: fast, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{targets: [%q]}]}\n",
		strings.TrimPrefix(fast.URL, "http://")))
	data := filepath.Join(t.TempDir(), "data")
	dir := filepath.Join(data, "prometheus")
	up := launchOnDisk(t, "size=128m", dir, idle("--data-dir", data, "--prometheus-config", config)...)
	base := up.waitFor(`ready on (http://\S+)`)
	// Two chunks of a series, of 120 samples each.
	becomes(t, base, `max(count_over_time(fast[1h])) > bool 125`, "1")
	before := up.warnings()

	empty := up.fill(dir)
	if line := up.waitFor("level=WARN.*metrics are paused.*"); !strings.Contains(line, dir) {
		t.Errorf("said %q", line)
	}
	full, c := time.Now(), newClient()
	defer c.CloseIdleConnections()
	sells(t, base)
	if status, body := call(t.Context(), c, http.MethodGet, base+"/api/v1/query?query=up", ""); status != http.StatusServiceUnavailable {
		t.Errorf("a query got %d %s", status, body)
	}
	if most, said := 3, up.warnings()-before; said > most {
		t.Errorf("%d warnings, want %d at most:\n%s", said, most, up.stderr)
	}
	empty()
	up.waitFor("metrics are resumed")
	becomes(t, base, `up{job="ticket_system"}`, "1")
	becomes(t, base, "max(count_over_time("+at("fast[1h]", full)+")) > bool 100", "1")
	if code := up.terminate(); code != command.ExitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestFullDiskAtTheStart: `up` sells without monitoring, and `monitor` ends.
func TestFullDiskAtTheStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	dir := filepath.Join(data, "prometheus")
	up := launchOnDisk(t, "size=4m", dir, idle("--data-dir", data)...)
	if line := up.waitFor("onsale: the monitoring ended.*"); !strings.Contains(line, dir+" has 4 MB") || !strings.Contains(line, "ticket sales continue") {
		t.Errorf("said %q", line)
	}
	sells(t, up.url())
	if n := up.warnings(); n > 0 {
		t.Errorf("%d other warnings: %s", n, up.stderr)
	}
	if code := up.terminate(); code != command.ExitOK {
		t.Errorf("exit code %d", code)
	}
	monitor := launchOnDisk(t, "size=4m", dir, "monitor", "--listen", "127.0.0.1:0", "--target", "http://127.0.0.1:8000", "--data-dir", data)
	if code := monitor.code(); code != command.ExitFailure {
		t.Errorf("exit code %d, want %d", code, command.ExitFailure)
	}
	if line := oneLine(t, monitor); !strings.Contains(line, dir+" has 4 MB") {
		t.Errorf("said %q", line)
	}
}

// TestFullDiskOfEverything: without space for its database, the server waits, and reports that
// in one line.
func TestFullDiskOfEverything(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"serve", "up"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			p := launchOnDisk(t, "size=64k", data, name, "--listen", "127.0.0.1:0", "--data-dir", data)
			if line := p.waitFor("onsale: .*waiting for the database.*"); !strings.Contains(line, "full") {
				t.Errorf("said %q", line)
			}
			if code := p.terminate(); code != command.ExitOK {
				t.Errorf("exit code %d", code)
			}
			for line := range strings.Lines(p.stderr.String()) {
				if !strings.HasPrefix(line, "onsale: ") && !strings.HasPrefix(line, "time=") {
					t.Errorf("said %q", line)
				}
			}
		})
	}
}

// TestFullDiskOfTheSale fills the disk while tickets are sold. Buyers and /ready get the reason
// until there is space. No buyer gets outcome_unknown for a purchase that was not attempted.
func TestFullDiskOfTheSale(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := launchOnDisk(t, "size=2m", data, "serve", "--listen", "127.0.0.1:0", "--faults", "off", "--data-dir", data)
	base, c := p.waitFor(`ready on (http://\S+)`), newClient()
	defer c.CloseIdleConnections()
	sells(t, base)
	empty := p.fill(data)
	const purchase = `{"user_email":"a@example.com","quantity":1}`
	deadline := time.Now().Add(startLimit)
	for status := http.StatusOK; status == http.StatusOK && time.Now().Before(deadline); {
		status, _ = call(t.Context(), c, http.MethodPost, base+"/buy/1", purchase)
	}
	const reason = "The database has no disk space left."
	for body := ""; !strings.Contains(body, reason); {
		_, answer := call(t.Context(), c, http.MethodGet, base+"/ready", "")
		if body = string(answer); time.Now().After(deadline) {
			t.Fatalf("/ready answers %s, want %q", body, reason)
		}
	}
	for range 3 {
		if status, body := call(t.Context(), c, http.MethodPost, base+"/buy/1", purchase); status != http.StatusServiceUnavailable || !strings.Contains(string(body), reason) {
			t.Errorf("a purchase got %d %s, want %q", status, body, reason)
		}
	}
	if n := strings.Count(p.stderr.String(), "database unavailable"); n != 1 {
		t.Errorf("the log reports it %d times, want once:\n%s", n, p.stderr)
	}
	empty()
	for status := 0; status != http.StatusOK; {
		var body []byte
		if status, body = call(t.Context(), c, http.MethodGet, base+"/ready", ""); time.Now().After(deadline) {
			t.Fatalf("/ready answers %d %s, want 200", status, body)
		}
	}
	sells(t, base)
}

// TestDiskThatCannotBeWritten: the server ends with one line.
func TestDiskThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"up":      {"up"},
		"monitor": {"monitor", "--target", "http://127.0.0.1:8000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			p := launchOnDisk(t, "ro", data, append(args, "--listen", "127.0.0.1:0", "--data-dir", data)...)
			if code := p.code(); code != command.ExitFailure {
				t.Errorf("exit code %d, want %d", code, command.ExitFailure)
			}
			if line := oneLine(t, p); !strings.Contains(line, data) || !strings.Contains(line, "read-only") {
				t.Errorf("said %q", line)
			}
		})
	}
}

// TestCrowdComesAndGoes: demo users leak no resources when they stop.
func TestCrowdComesAndGoes(t *testing.T) {
	t.Parallel()
	up := launch(t, nil, idle("--monitor", "off", dataDir(t))...)
	base := up.waitFor(`ready on (http://\S+)`)
	c := newClient()
	defer c.CloseIdleConnections()
	change := func(users int) {
		t.Helper()
		if status, body := call(t.Context(), c, http.MethodPut, base+"/crowd", fmt.Sprintf(`{"users":%d}`, users)); status != http.StatusOK {
			t.Fatalf("PUT /crowd: %d %s", status, body)
		}
	}
	files := func() int {
		t.Helper()
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", up.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	goroutines := func() (n int) {
		t.Helper()
		_, body := call(t.Context(), c, http.MethodGet, base+"/metrics", "")
		for line := range strings.Lines(string(body)) {
			if _, err := fmt.Sscanf(line, "go_goroutines %d", &n); err == nil {
				return n
			}
		}
		t.Fatal("no go_goroutines in the metrics")
		return 0
	}
	round := func() {
		change(50)
		time.Sleep(100 * time.Millisecond) // like a person at the page
		change(0)
	}
	round() // connections and pools that remain after the first round are not leaks
	var f, g int
	until(t, startLimit, "the demo users stop", func() string {
		if g != goroutines() || f != files() {
			f, g = files(), goroutines()
			return fmt.Sprintf("%d files, %d goroutines", f, g)
		}
		return ""
	})
	for range 20 {
		round()
	}
	const slack = 10 // connections that come and go, in files and goroutines
	until(t, startLimit, "the demo users stop again", func() string {
		if files() > f+slack || goroutines() > g+slack {
			return fmt.Sprintf("%d files, before %d; %d goroutines, before %d", files(), f, goroutines(), g)
		}
		return ""
	})
}
