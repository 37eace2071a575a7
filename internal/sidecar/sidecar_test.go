package sidecar_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/sidecar"
)

// patience is how long a test waits on a busy machine.
const patience = 30 * time.Second

func TestRequestsReachTheChild(t *testing.T) {
	t.Parallel()
	p := start(t, sidecar.Options{Command: command(nil)})
	status, body := ask(p.Process, http.MethodPost, "/echo?a=b", "a body")
	if status != http.StatusOK || body != "POST example.com a=b by a test 192.0.2.1:1234 [] a body" {
		t.Errorf("answered %d %q", status, body)
	}
}

// TestChildIsReplaced makes the child fail in ways that recover cannot catch. Each time
// a new child answers soon, and until then the answers contain the reason.
func TestChildIsReplaced(t *testing.T) {
	t.Parallel()
	for path, reason := range map[string]string{
		"/overflow": "exit status", // the runtime's, or the memory limit's if that is reached first
		"/devour":   "memory limit reached: ",
		"/crash":    "panic: on purpose (exit status 2)",
		"/hang":     "does not answer: no answer in time",
	} {
		t.Run(strings.Trim(path, "/"), func(t *testing.T) {
			t.Parallel()
			stderr := new(output)
			p := start(t, sidecar.Options{Command: command(stderr), ProbeLimit: 2 * time.Second})
			_, before := ask(p.Process, http.MethodGet, "/pid", "")
			ask(p.Process, http.MethodGet, path, "")
			after := before
			reasons := make(map[string]bool)
			until(t, "another child", func() bool {
				status, body := ask(p.Process, http.MethodGet, "/pid", "")
				if status == http.StatusOK {
					after = body
				} else {
					reasons[body] = true
				}
				return after != before
			})
			if !strings.Contains(fmt.Sprint(reasons), reason) {
				t.Errorf("no answer gave the reason %q: %v", reason, reasons)
			}
			if strings.Contains(stderr.String(), prefix) {
				t.Errorf("the line with the reason was passed on: %q", stderr)
			}
		})
	}
}

// TestSlowClientsLeaveTheChildAlone sends more requests than the connection allows, and
// none of them ends. The parent must not take the child for hung.
func TestSlowClientsLeaveTheChildAlone(t *testing.T) {
	t.Parallel()
	const most, clients = 500, 1100
	p := start(t, sidecar.Options{Command: command(nil), ProbeLimit: patience})
	_, before := ask(p.Process, http.MethodGet, "/pid", "")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	refused := make(chan string, clients)
	var slow sync.WaitGroup
	for range clients {
		slow.Go(func() {
			body, unsent := io.Pipe()
			defer unsent.Close()
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/echo", body)
			r.ContentLength = 1
			answer := httptest.NewRecorder()
			p.ServeHTTP(answer, r)
			if ctx.Err() == nil {
				refused <- fmt.Sprint(answer.Code, answer.Body)
			}
		})
	}
	for range clients - most {
		if got := <-refused; !strings.HasPrefix(got, "503") || !strings.Contains(got, "already serving 500 requests") {
			t.Fatalf("a request beyond the limit is answered %s", got)
		}
	}
	leave()
	slow.Wait()
	until(t, "an answer", func() bool {
		status, after := ask(p.Process, http.MethodGet, "/pid", "")
		if status == http.StatusOK && after != before {
			t.Fatal("the child was replaced")
		}
		return status == http.StatusOK
	})
}

func TestChildEndsInOrder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ending")
	p := start(t, sidecar.Options{Command: command(nil, ending+"="+file)})
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "in order" {
		t.Errorf("the child wrote %q, %v", text, err)
	}
	if status, body := ask(p.Process, http.MethodGet, "/pid", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "it is stopping") {
		t.Errorf("answered %d %s after the end", status, body)
	}
}

func TestChildThatDoesNotEndIsKilled(t *testing.T) {
	t.Parallel()
	p := start(t, sidecar.Options{Command: command(nil, deafness+"=1"), EndLimit: 100 * time.Millisecond})
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), "did not end within 100ms") {
		t.Errorf("Run returned %v, want an error that the child did not end", err)
	}
}

func TestChildThatCannotStartIsRetried(t *testing.T) {
	t.Parallel()
	tried, reports := make(chan struct{}, 10), make(chan error, 10)
	p := run(t, sidecar.Options{Report: func(err error) { reports <- err }, Command: func() *exec.Cmd {
		tried <- struct{}{}
		return exec.Command("/does/not/exist")
	}})
	for range 3 {
		<-tried
	}
	if status, body := ask(p.Process, http.MethodGet, "/pid", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "/does/not/exist") {
		t.Errorf("answered %d %s", status, body)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if len(reports) != 1 {
		t.Errorf("the same reason was reported %d times, want once", len(reports))
	}
}

// TestChildEndsWithItsParent kills the parent, which cannot stop its child before.
func TestChildEndsWithItsParent(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ending")
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), asParent+"=1", ending+"="+file)
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "answers\n" {
		t.Fatalf("the parent wrote %q, %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	until(t, "the end of the child", func() bool { text, _ := os.ReadFile(file); return string(text) == "in order" })
}

// running is a process that runs.
type running struct {
	*sidecar.Process
	stop func() error
}

// run runs a process until the end of the test.
func run(t *testing.T, o sidecar.Options) running {
	t.Helper()
	o.Name, o.Prefix, o.Health, o.Logger = "test", prefix, "/health", slog.New(slog.DiscardHandler)
	if o.Report == nil {
		o.Report = func(error) {}
	}
	p := sidecar.New(o)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() }) // a test that checks the error calls stop itself
	return running{p, stop}
}

// start runs a process, and waits until its child answers.
func start(t *testing.T, o sidecar.Options) running {
	t.Helper()
	p := run(t, o)
	until(t, "the first answer", func() bool {
		status, _ := ask(p.Process, http.MethodGet, "/pid", "")
		return status == http.StatusOK
	})
	return p
}

// until waits until the condition is true.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// ask sends a request to the process's handler.
func ask(p *sidecar.Process, method, path, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Asked", "by a test")
	answer := httptest.NewRecorder()
	func() {
		// The proxy panics when an answer is cut off.
		defer func() { _ = recover() }()
		p.ServeHTTP(answer, r)
	}()
	return answer.Code, answer.Body.String()
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
