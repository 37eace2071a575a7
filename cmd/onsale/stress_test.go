package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/stress/result"
)

// storm runs `onsale stress` to its end, and returns its exit code and output.
func storm(tb testing.TB, env []string, args ...string) (code int, stdout, stderr string) {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), self, append([]string{"stress"}, args...)...)
	cmd.Env = append([]string{asMain + "=1", "PATH=" + os.Getenv("PATH")}, env...)
	cmd.Dir = tb.TempDir()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		tb.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), said.String()
}

// readReport reads a report from a file.
func readReport(tb testing.TB, path string) result.Run {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var r result.Run
	if err := json.Unmarshal(text, &r); err != nil {
		tb.Fatal(err)
	}
	return r
}

// TestStressSellsWhatTheBooksSay runs every selling scenario against a server on each database.
// The figures must be correct. Exit code 3 is accepted too, because the load tester can be the
// bottleneck on a busy machine.
func TestStressSellsWhatTheBooksSay(t *testing.T) {
	t.Parallel()
	for name, where := range databases {
		for _, scenario := range []string{"tickets", "tickets-random-deny", "rush"} {
			t.Run(name+"/"+scenario, func(t *testing.T) {
				t.Parallel()
				env, flag := where(t)
				p := serve(t, env, "--faults", "default", flag)
				if status, body := call(t.Context(), newClient(), http.MethodPut, p.url()+"/faults",
					`{"routes":{"/buy_random_deny/{concert_id}":{"deny":0.2}}}`); status != http.StatusOK {
					t.Fatalf("%d %s", status, body)
				}
				dir := t.TempDir()
				file := filepath.Join(dir, "report.json")
				code, stdout, stderr := storm(t, nil, "-H", p.url(), "--scenario", scenario, "-u", "50", "-r", "100", "-t", "6s",
					"--prepare", "--json", file, "--data-dir", dir, "--headless")
				if code != command.ExitOK && code != command.ExitBottleneck {
					t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
				}
				r := readReport(t, file)
				if r.Books == nil || !r.Books.Agree || r.Books.Told == 0 || r.Books.Told != r.Books.Booked || r.Stats.Total.Failures != 0 {
					t.Fatalf("%+v, %d failures\n%s", r.Books, r.Stats.Total.Failures, stdout)
				}
				denied := r.Stats.Total.Business["denied"]
				if (denied > 0) != (scenario == "tickets-random-deny") {
					t.Errorf("%d denied", denied)
				}
				if r.Protocol != "HTTP/1.1" || !strings.Contains(stdout, "HTTP/1.1") || !strings.Contains(stdout, "Aggregated") {
					t.Errorf("%q\n%s", r.Protocol, stdout)
				}
			})
		}
	}
}

// TestStressBrowseAndItems runs the scenarios that buy nothing.
func TestStressBrowseAndItems(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--faults", "off", dataDir(t))
	for _, scenario := range []string{"browse", "items"} {
		file := filepath.Join(t.TempDir(), "report.json")
		code, stdout, stderr := storm(t, nil, "-H", p.url(), "--scenario", scenario, "-u", "20", "-r", "100", "-t", "4s",
			"--prepare", "--json", file, "--no-keep")
		r := readReport(t, file)
		if code != command.ExitOK && code != command.ExitBottleneck || r.Stats.Total.Failures > 0 || r.Stats.Total.Requests < 20 {
			t.Fatalf("%s: exit code %d, %d failures of %d\n%s\n%s", scenario, code, r.Stats.Total.Failures, r.Stats.Total.Requests, stdout, stderr)
		}
	}
}

// moody is a server that answers 200, or another status once it is set.
func moody(tb testing.TB) (url string, status *atomic.Int64) {
	tb.Helper()
	status = new(atomic.Int64)
	status.Store(http.StatusOK)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		fmt.Fprint(w, "hello")
	}))
	tb.Cleanup(s.Close)
	return s.URL, status
}

// TestStressExitCodes: 0 if the run passed, 1 if it failed, and the reasons for each.
func TestStressExitCodes(t *testing.T) {
	t.Parallel()
	well, _ := moody(t)
	ill, status := moody(t)
	status.Store(http.StatusInternalServerError)
	for _, c := range []struct {
		args string
		want int
		says string
	}{
		{well, 0, "Passed"},
		{ill, 1, "got 500"},
		{ill + " --fail-if none", 0, "got 500"},
		{ill + " --fail-if failures<1%", 0, "got 500"},
		{ill + " --fail-if failures>50%", 1, "failures>50%"},
		{well + " --fail-if p50>1us", 1, "p50>1us"},
		{well + " --fail-if p95>20s --fail-if rps<1", 0, "p95>20s"},
		{well + " --fail-if p95{/nothing}>1s", 1, "/nothing"},
		{"http://127.0.0.1:1 --no-check", 1, "refused"},
	} {
		// Four waiting users leave the load tester enough time, even on a busy machine.
		args := append(strings.Fields(c.args), "--rate", "20/s", "-t", "2s", "--no-keep", "--only-summary")
		code, stdout, stderr := storm(t, nil, args...)
		if code == command.ExitBottleneck && c.want == 0 {
			t.Logf("%s: the machine is too busy: the load tester was the bottleneck", c.args)
			code = 0
		}
		if code != c.want && code != command.ExitBottleneck || !strings.Contains(stdout, c.says) {
			t.Errorf("%s: exit code %d, want %d, and %q in\n%s\n%s", c.args, code, c.want, c.says, stdout, stderr)
		}
	}
}

// TestStressUsageErrors: the error is one line, the exit code is 2, and no load is sent.
func TestStressUsageErrors(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(file, []byte("name: bad\nusers:\n  - tasks:\n      - weigth: 3\n        steps: [{path: /}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{s.URL, "--user", "3"}, `did you mean "--users"`},
		{[]string{s.URL, "-u", "0.5"}, "--users"},
		{[]string{s.URL, "--users=-5"}, "--users must be"},
		{[]string{s.URL, "-t", "soon"}, "--run-time must be"},
		{[]string{s.URL, "--rate", "fast"}, "--rate"},
		{[]string{s.URL, "--rate", "10/s", "-u", "5"}, "--users must not be given together"},
		{[]string{s.URL, "--stages", "30s:100,2m"}, "--stages"},
		{[]string{s.URL, "--stages", "1s:1", "--ramp", "1:2:1s"}, "--ramp"},
		{[]string{s.URL, "--fail-if", "p59>1s"}, "p95"},
		{[]string{s.URL, "--fail-if", "p95>500"}, "500ms"},
		{[]string{s.URL, "--worker", "4/4"}, "count from 0"},
		{[]string{s.URL, "--cacert", "/nowhere"}, "--cacert"},
		{[]string{s.URL, "--scenario", "rush"}, "only one of"},
		{[]string{"--scenario", "rsuh"}, "rush"},
		{[]string{"--scenario", file}, "bad.yaml:4"},
		{[]string{"--scenario", file}, "weight"},
		{[]string{"--curl", "wget http://127.0.0.1"}, "curl"},
		{[]string{"ftp://127.0.0.1"}, "http"},
		{[]string{"http://127.0.0.1:1/", "--wait", "0"}, "no server listens"},
		{[]string{"-H", "http://127.0.0.1:1", "--wait", "0"}, "onsale serve"},
		{[]string{s.URL, "--wait=-1s"}, "--wait must be"},
		{[]string{"-H", s.URL}, "ticket"},
		{[]string{"http://onsale.invalid", "-u", "1001"}, "--yes"},
		{[]string{"http://onsale.invalid", "--rate", "5001/s"}, "--yes"},
		{[]string{"http://onsale.invalid", "--find-capacity", "--max-load", "2000"}, "--yes"},
		{[]string{s.URL, "--find-capacity", "--step-time", "0s"}, "--step-time must be"},
		{[]string{s.URL, "--warm-up", "10s", "-t", "5s"}, "--warm-up must be"},
		{[]string{s.URL, "--ramp", "200000:10:2s"}, "--ramp"},
		{[]string{"show", "nothing", "--data-dir", t.TempDir()}, "no such run"},
		{[]string{"compare", "--data-dir", t.TempDir()}, "no such run"},
	} {
		before := asked.Load()
		code, stdout, stderr := storm(t, nil, c.args...)
		errors := 0
		for line := range strings.Lines(stderr) {
			if strings.HasPrefix(line, "onsale: ") && strings.Contains(line, c.says) {
				errors++
			}
		}
		if code != command.ExitUsage || errors == 0 || stdout != "" {
			t.Errorf("%q: exit code %d, want 2 and %q in\n%s\n%s", c.args, code, c.says, stderr, stdout)
		}
		if n := asked.Load() - before; n > 3 { // the wait for the server, and the checks
			t.Errorf("%q: %d requests were sent", c.args, n)
		}
	}
}

// TestStressReports writes every form of a report, saves the run, and shows it.
func TestStressReports(t *testing.T) {
	t.Parallel()
	url, status := moody(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for range 2 {
		code, stdout, stderr := storm(t, nil, url+"/hello?secret=1", "--rate", "50/s", "-t", "3s", "--seed", "7", "--csv", at("run"), "--json", "-",
			"--html", at("report.html"), "--data-dir", dir, "--fail-if", "none")
		if code != command.ExitOK && code != command.ExitBottleneck {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		var r result.Run
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatalf("%v\n%s", err, stdout)
		}
		if n := r.Stats.Total.Requests; n < 145 || n > 151 || r.Stats.Due != n+r.Stats.NotSent || len(r.Stats.Series) < 2 || r.Settings.Seed != 7 {
			t.Errorf("%d requests of %d due, %d points, seed %d", n, r.Stats.Due, len(r.Stats.Series), r.Settings.Seed)
		}
		if !strings.Contains(stderr, "Aggregated") || !strings.Contains(stderr, "kept as "+r.ID) {
			t.Errorf("%s", stderr)
		}
		if err := os.WriteFile(at(fmt.Sprintf("%d.json", status.Load())), []byte(stdout), 0o600); err != nil {
			t.Fatal(err)
		}
		status.Store(http.StatusTeapot)
	}
	for name, column := range map[string]string{
		"run_stats.csv": "99.99%", "run_stats_history.csv": "Timestamp", "run_failures.csv": "Occurrences", "run_exceptions.csv": "Traceback",
	} {
		f, err := os.Open(at(name))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil || len(rows) == 0 || !strings.Contains(strings.Join(rows[0], ","), column) {
			t.Errorf("%s: %v %v", name, err, rows)
		}
	}
	page, err := os.ReadFile(at("report.html"))
	if err != nil || !bytes.Contains(page, []byte("<svg")) || bytes.Contains(page, []byte("<script")) || !bytes.Contains(page, []byte("got 418")) {
		t.Errorf("report.html: %v, %d bytes", err, len(page))
	}
	for _, kept := range []struct{ args, says string }{
		{"list", "GET /hello"},
		{"show", "got 418"},
		{"show last-1", "Aggregated"},
		{"compare", "100 points"},
		{"compare --json", `"`},
		{"compare " + at("200.json") + " last", "100 points"},
		{"show " + at("418.json"), "got 418"},
		{"list --json", `"id"`},
	} {
		code, stdout, stderr := storm(t, nil, append(strings.Fields(kept.args), "--data-dir", dir)...)
		if code != command.ExitOK || !strings.Contains(stdout, kept.says) {
			t.Errorf("%s: exit code %d, want %q in\n%s\n%s", kept.args, code, kept.says, stdout, stderr)
		}
	}
}

// TestStressStopsGently interrupts a run, which still reports and passes.
func TestStressStopsGently(t *testing.T) {
	t.Parallel()
	url, _ := moody(t)
	p := launch(t, nil, "stress", url, "-u", "3", "--rate", "0")
	if code := p.code(); code != command.ExitUsage {
		t.Fatalf("exit code %d", code)
	}
	p = launch(t, nil, "stress", url, "--rate", "30/s", "--no-keep")
	p.waitFor(`until|users|in flight|req/s`)
	time.Sleep(2 * time.Second)
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.code(); code != command.ExitOK && code != command.ExitBottleneck {
		t.Fatalf("exit code %d\n%s", code, p.stderr)
	}
	for _, want := range []string{"Aggregated", "stopped"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%q is not in\n%s", want, p.stderr)
		}
	}
}

// TestStressAborts ends a run as soon as a threshold is crossed.
func TestStressAborts(t *testing.T) {
	t.Parallel()
	url, status := moody(t)
	status.Store(http.StatusInternalServerError)
	began := time.Now()
	code, stdout, _ := storm(t, nil, url, "--rate", "50/s", "-t", "5m", "--fail-if", "failures>20", "--abort", "--no-keep")
	if code != command.ExitFailure && code != command.ExitBottleneck || !strings.Contains(stdout, "failures>20 was crossed") || time.Since(began) > time.Minute {
		t.Errorf("exit code %d after %s\n%s", code, time.Since(began), stdout)
	}
}
