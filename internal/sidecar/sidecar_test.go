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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/sidecar"
)

// patience is how long something may take on a busy machine.
const patience = 30 * time.Second

func TestRequestsReachTheChild(t *testing.T) {
	t.Parallel()
	p := start(t, sidecar.Options{Command: command(nil)})
	status, body := ask(p.Process, http.MethodPost, "/echo?a=b", "a body")
	if status != http.StatusOK || body != "POST example.com a=b by a test 192.0.2.1:1234 [] a body" {
		t.Errorf("answered %d %q", status, body)
	}
}

// TestChildIsReplaced makes the child fail in ways that no recover catches. Each
// time another one answers soon, and meanwhile the answer says why there is none.
func TestChildIsReplaced(t *testing.T) {
	t.Parallel()
	for path, reason := range map[string]string{
		"/overflow": "exit status", // of the runtime, or of the memory limit, which comes first if it is low
		"/devour":   "exit status 1",
		"/hang":     "does not answer: no answer in time",
	} {
		t.Run(strings.Trim(path, "/"), func(t *testing.T) {
			t.Parallel()
			said := new(output)
			p := start(t, sidecar.Options{Command: command(said), ProbeLimit: 2 * time.Second})
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
			if path == "/devour" && !strings.Contains(said.String(), "memory limit reached") {
				t.Errorf("the child wrote %q", said.String())
			}
		})
	}
}

// TestManyRequestsAtOnceLeaveTheChildAlive sends more requests than are passed on at
// once. The probes of the child still get through.
func TestManyRequestsAtOnceLeaveTheChildAlive(t *testing.T) {
	t.Parallel()
	const requests, limit = 1200, 1000
	said := new(output)
	p := start(t, sidecar.Options{Command: command(said, tellingProbes+"=1")})
	_, before := ask(p.Process, http.MethodGet, "/pid", "")
	ctx, cancel := context.WithCancel(t.Context())
	var asked sync.WaitGroup
	defer asked.Wait()
	defer cancel()
	var refused atomic.Int64
	for range requests {
		asked.Go(func() {
			answer := httptest.NewRecorder()
			p.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/wait", http.NoBody))
			if answer.Code == http.StatusServiceUnavailable && strings.Contains(answer.Body.String(), "too many requests at once") {
				refused.Add(1)
			}
		})
	}
	until(t, "refusals", func() bool { return refused.Load() == requests-limit })
	probes := strings.Count(said.String(), "probed\n")
	until(t, "two probes", func() bool { return strings.Count(said.String(), "probed\n") >= probes+2 })
	cancel()
	asked.Wait()
	if status, after := ask(p.Process, http.MethodGet, "/pid", ""); status != http.StatusOK || after != before {
		t.Errorf("answered %d %s, and %s before", status, after, before)
	}
}

func TestChildEndsInOrder(t *testing.T) {
	t.Parallel()
	said := new(output)
	p := start(t, sidecar.Options{Command: command(said)})
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if said.String() != "ended in order\n" {
		t.Errorf("the child wrote %q", said)
	}
	if status, body := ask(p.Process, http.MethodGet, "/pid", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "it stops") {
		t.Errorf("answered %d %s after the end", status, body)
	}
}

func TestChildThatDoesNotEndIsKilled(t *testing.T) {
	t.Parallel()
	p := start(t, sidecar.Options{Command: command(nil, deafness+"=1"), EndLimit: 100 * time.Millisecond})
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), "did not end within 100ms") {
		t.Errorf("the end returned %v", err)
	}
}

func TestChildThatCannotStartIsTriedAgain(t *testing.T) {
	t.Parallel()
	tried := make(chan struct{}, 10)
	p := run(t, sidecar.Options{Command: func() *exec.Cmd {
		tried <- struct{}{}
		return exec.Command("/does/not/exist")
	}})
	<-tried
	<-tried
	if status, body := ask(p.Process, http.MethodGet, "/pid", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "/does/not/exist") {
		t.Errorf("answered %d %s", status, body)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

// TestChildEndsWithItsParent kills the parent, which can tell its child nothing.
func TestChildEndsWithItsParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), asParent+"=1")
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	parent.Stderr = theirs // which the child has as well
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "answers\n" {
		t.Fatalf("the parent wrote %q, %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	if err := ours.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	// The pipe ends when the last process that may write to it has ended.
	said, err := io.ReadAll(ours)
	if err != nil || string(said) != "ended in order\n" {
		t.Errorf("the child wrote %q, %v", said, err)
	}
}

// running is a process whose Run is under way.
type running struct {
	*sidecar.Process
	stop func() error
}

// run lets a process run until the test ends.
func run(t *testing.T, o sidecar.Options) running {
	t.Helper()
	o.Name, o.Health, o.Logger = "test", "/health", slog.New(slog.DiscardHandler)
	p := sidecar.New(o)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() }) // its error is for those who ask
	return running{p, stop}
}

// start lets a process run, and waits until its child answers.
func start(t *testing.T, o sidecar.Options) running {
	t.Helper()
	p := run(t, o)
	until(t, "the first answer", func() bool {
		status, _ := ask(p.Process, http.MethodGet, "/pid", "")
		return status == http.StatusOK
	})
	return p
}

// until waits for something to happen.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// ask makes a request of the process's handler.
func ask(p *sidecar.Process, method, path, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Asked", "by a test")
	answer := httptest.NewRecorder()
	func() {
		// The proxy leaves by this panic when an answer breaks off.
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
