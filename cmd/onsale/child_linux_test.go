package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSaleOutlivesItsMonitoring ends the monitoring process in several ways while buyers buy.
// No buyer notices, and the alerts recover.
func TestSaleOutlivesItsMonitoring(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(pid int) error{
		"killed":        func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) },
		"hung":          func(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) },
		"out of memory": starve,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--crowd", "0", "--faults", "off",
				"--rules", writeFile(t, "always.yml", always), dataDir(t))
			up.waitFor(`ready on (http://\S+)`)
			awaitAlways(t, up.url())
			before := up.child()

			r := newRush(t, up.url(), 1_000_000)
			ctx, stop := context.WithCancel(t.Context())
			wait := r.storm(ctx, 4)
			if err := end(before); err != nil {
				t.Fatal(err)
			}
			const limit = time.Minute // a hanging process gets 10 s to answer
			said := ""
			until(t, limit, "another process", func() string {
				// A query needs memory that a starved process cannot get.
				call(t.Context(), r.client, http.MethodGet, up.url()+"/api/v1/query?query=max_over_time(vector(1)[1h:1s])", "")
				status, body := call(t.Context(), r.client, http.MethodGet, up.url()+"/-/ready", "")
				if status == http.StatusServiceUnavailable {
					said += string(body)
				}
				if now := up.child(); now == 0 || now == before || status != http.StatusOK {
					return fmt.Sprintf("process %d after %d, /-/ready answers %d", now, before, status)
				}
				return ""
			})
			awaitAlways(t, up.url())
			stop()
			wait()
			if len(r.answers) > 2 || r.answers[http.StatusOK] == 0 || r.answers[0] > 4 { // 0: cut off at the end of the test
				t.Errorf("buyers got %v", r.answers)
			}
			r.verify()
			if !strings.Contains(said, "the monitoring process is not available") {
				t.Errorf("without a monitoring process, /-/ready answered %q", said)
			}
		})
	}
}

// awaitAlways waits until the Alertmanager has the alert Always.
func awaitAlways(t *testing.T, base string) {
	t.Helper()
	client := newClient()
	until(t, startLimit, "the alert Always", func() string {
		status, body := call(t.Context(), client, http.MethodGet, base+"/api/v2/alerts", "")
		if status != http.StatusOK || !strings.Contains(string(body), `"Always"`) {
			return fmt.Sprintf("%d %s", status, body)
		}
		return ""
	})
}

// child returns the child process, or 0 if there is none.
func (p *process) child() int {
	pid := p.cmd.Process.Pid
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // none, once it has ended
	for _, thread := range threads {
		list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, thread.Name()))
		if err != nil {
			continue // the thread has ended
		}
		for child := range strings.FieldsSeq(string(list)) {
			if n, err := strconv.Atoi(child); err == nil {
				return n
			}
		}
	}
	return 0
}

// awaitEnd waits for the end of a process that is not a child of the test.
func awaitEnd(pid int) {
	for end := time.Now().Add(startLimit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
	}
}

// starve limits a process to the memory that it has.
func starve(pid int) error {
	return unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: 1, Max: 1}, nil)
}
