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

// asMain is the variable that turns the test binary into onsale, so that tests can start it as
// a process, kill it, and read its output.
const asMain = "ONSALE_TEST_AS_MAIN"

// server is the PostgreSQL server that tests share if they do not stop it.
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

// startLimit is how long a process can take to get ready on a busy machine.
const startLimit = 30 * time.Second

// process is a running onsale.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stderr *output
	exited chan struct{}
}

// output collects the output of a process.
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

// launch starts onsale with these environment variables, without those of the test process
// that onsale reads.
func launch(tb testing.TB, env []string, args ...string) *process {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return launchProgram(tb, self, env, args...)
}

// launchProgram is like launch for the program at a path.
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

// dataDir returns the flag of a new data directory.
func dataDir(tb testing.TB) string {
	tb.Helper()
	return "--data-dir=" + filepath.Join(tb.TempDir(), "data")
}

// databases are the two kinds of database. Each function returns the environment and the flag
// of a new one.
var databases = map[string]func(testing.TB) (env []string, flag string){
	"sqlite":   func(tb testing.TB) ([]string, string) { tb.Helper(); return nil, dataDir(tb) },
	"postgres": func(tb testing.TB) ([]string, string) { tb.Helper(); return database(server.Database(tb)), dataDir(tb) },
}

// waitFor waits until the output of the process matches the pattern. It returns the first
// group, or the whole match.
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

// kill kills the process, and waits for its end and that of its child, which still writes its
// files.
func (p *process) kill() {
	child := p.child()
	_ = p.cmd.Process.Kill()
	<-p.exited
	if child != 0 {
		awaitEnd(child)
	}
}

// terminate stops the process with SIGTERM and returns its exit code.
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

// newClient returns a client with connections of its own, so that no other test uses a
// connection to a killed process.
func newClient() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
}

// call makes one request and returns status and body. The status is 0 if the connection
// failed.
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
