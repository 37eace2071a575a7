package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"onsale/internal/pgtest"
)

// asMain makes the test binary the program itself, so that tests can start it
// as a process of its own, kill it, and read what it says.
const asMain = "ONSALE_TEST_AS_MAIN"

// server is the one PostgreSQL of the tests that leave it running.
var server pgtest.Shared

func TestMain(m *testing.M) {
	if os.Getenv(asNoop) != "" {
		noop()
	}
	if base := os.Getenv(asBesieger); base != "" {
		besiegeAsProcess(base)
	}
	if os.Getenv(asBare) != "" {
		bare()
	}
	if os.Getenv(asMain) != "" {
		main()
	}
	os.Exit(server.Main(m).Run())
}

// startLimit is how long a process may take to get ready on a busy machine.
const startLimit = 30 * time.Second

// process is a running onsale.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stderr *output
	exited chan struct{}
}

// output collects what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// launch starts onsale with extra environment variables; none of the test's
// own that mean something to it are passed on.
func launch(tb testing.TB, env []string, args ...string) *process {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return launchProgram(tb, self, env, args...)
}

// launchProgram starts the program at a path as launch does.
func launchProgram(tb testing.TB, path string, env []string, args ...string) *process {
	tb.Helper()
	p := &process{t: tb, cmd: exec.Command(path, args...), stderr: new(output), exited: make(chan struct{})}
	p.cmd.Env = append([]string{asMain + "=1", "PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Dir = tb.TempDir()
	p.cmd.Stdout, p.cmd.Stderr = p.stderr, p.stderr
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait()
	}()
	tb.Cleanup(func() {
		p.kill()
		if tb.Failed() {
			tb.Logf("onsale %s wrote:\n%s", strings.Join(args, " "), tail(p.stderr.String()))
		}
	})
	return p
}

// serve starts `onsale serve` on a free port and waits until it is ready.
func serve(tb testing.TB, env []string, args ...string) *process {
	tb.Helper()
	p := launch(tb, env, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	p.waitFor(`ready on (http://\S+)`)
	return p
}

// database returns the environment that names a PostgreSQL.
func database(url string) []string { return []string{"DATABASE_URL=" + url} }

// dataDir returns the flags that name an SQLite of the test's own.
func dataDir(tb testing.TB) string {
	tb.Helper()
	return "--data-dir=" + filepath.Join(tb.TempDir(), "data")
}

// databases are the two kinds of database, each with an environment and a flag
// that make a fresh one.
var databases = map[string]func(testing.TB) (env []string, flag string){
	"sqlite":   func(tb testing.TB) ([]string, string) { tb.Helper(); return nil, dataDir(tb) },
	"postgres": func(tb testing.TB) ([]string, string) { tb.Helper(); return database(server.Database(tb)), dataDir(tb) },
}

// waitFor waits until the process has written what the pattern matches, and
// returns its first group or all of it.
func (p *process) waitFor(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(startLimit)
	for {
		if m := re.FindStringSubmatch(p.stderr.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-p.exited:
			p.t.Fatalf("onsale ended before it wrote %q:\n%s", pattern, p.stderr)
		case <-deadline:
			p.t.Fatalf("onsale did not write %q within %s:\n%s", pattern, startLimit, p.stderr)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// url returns the address that the process serves on.
func (p *process) url() string { return p.waitFor(`(?:ready|listening) on (http://[^\s,]+)`) }

// kill ends the process at once, and waits for its end and for that of its child,
// which writes its files once more.
func (p *process) kill() {
	child := p.child()
	_ = p.cmd.Process.Kill()
	<-p.exited
	if child != 0 {
		awaitEnd(child)
	}
}

// terminate asks the process to stop and returns its exit code.
func (p *process) terminate() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	return p.code()
}

// code waits for the end and returns the exit code.
func (p *process) code() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(startLimit):
		p.t.Fatalf("onsale did not end within %s:\n%s", startLimit, p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// client is how the tests talk to the processes; keep-alive connections to a
// killed one must not outlive it.
func newClient() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
}

// call makes one request and returns status and body; a status of 0 is a
// connection that failed.
func call(ctx context.Context, c *http.Client, method, url, body string, header ...string) (int, []byte) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := c.Do(r)
	if err != nil {
		return 0, nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil
	}
	return answer.StatusCode, text
}

func tail(text string) string {
	const most = 4000
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}
