//go:build unix

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
)

// TestBuyersAreServedWhileTheMonitoringHangs: the monitoring reads a pipe without a writer, like
// a disk that does not answer. Buyers arrive during the drain delay. Their answers take longer
// than --shutdown-timeout after the signal, but not after the end of the drain delay.
func TestBuyersAreServedWhileTheMonitoringHangs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	pipe := filepath.Join(dir, "alertmanager", "nflog")
	if err := os.MkdirAll(filepath.Dir(pipe), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	plan := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(plan, []byte(`{"routes":{"/buy/{concert_id}":{"delay":{"fixed":"5s"}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--data-dir", dir, "--crowd", "0", "--faults", plan,
		"--drain-delay", "3s", "--shutdown-timeout", "4s")
	r := newRush(t, p.waitFor(`ready on (http://\S+)`), 100)
	until(t, startLimit, "the monitoring, which hangs next", func() string {
		if status, body := call(t.Context(), r.client, http.MethodGet, p.url()+"/-/ready", ""); status != http.StatusOK {
			return string(body)
		}
		return ""
	})
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.become(http.StatusServiceUnavailable)
	r.buy(t.Context(), 10, 1)
	if r.answers[http.StatusOK] != 10 {
		t.Errorf("10 buyers got %v", r.answers)
	}
	if code := p.code(); code != command.ExitOK || !strings.Contains(p.stderr.String(), "part=monitoring error=\"it did not end within 9s and was killed") {
		t.Errorf("exit code %d, or no error about the monitoring", code)
	}
	if took := time.Since(began); took > 21*time.Second { // see docs/architecture.md, "How long a stop takes"
		t.Errorf("the stop took %s, want at most 21s", took)
	}

	if err := os.Remove(pipe); err != nil {
		t.Fatal(err)
	}
	again := serve(t, nil, "--data-dir", dir, "--faults", "off").url()
	r.base.Store(&again)
	if untold := r.verify(); untold != 0 {
		t.Errorf("%d purchases without a receipt", untold)
	}
}

// TestAHangUpStopsInOrder: a terminal that closes sends SIGHUP, and so does anyone who expects
// it to reload the configuration.
func TestAHangUpStopsInOrder(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--data-dir", t.TempDir(), "--faults", "off", "--drain-delay", "1ms")
	p.url()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if code := p.code(); code != command.ExitOK || !strings.Contains(p.stderr.String(), "msg=stopped") {
		t.Errorf("exit code %d, want an orderly stop:\n%s", code, p.stderr)
	}
}
