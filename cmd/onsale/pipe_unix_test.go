//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAutomateWithAPipeThatNobodyReads: it waits for a reader, and a signal can stop it.
func TestAutomateWithAPipeThatNobodyReads(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	a := automate(t, "http://127.0.0.1:1", "--log", pipe)
	time.Sleep(500 * time.Millisecond)
	if err := a.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := a.code(); code == 0 || !strings.Contains(a.stderr.String(), "--log") {
		t.Errorf("exit code %d, said %s", code, a.stderr)
	}
}
