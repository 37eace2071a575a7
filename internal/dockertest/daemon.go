//go:build linux

package dockertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const (
	// startLimit bounds the start of a daemon; it takes some 2 s.
	startLimit = time.Minute
	// stopLimit bounds its end, and that of its containers.
	stopLimit = 30 * time.Second
)

// startDaemon starts a daemon and returns the path of its socket.
func startDaemon(tb testing.TB) (socket string) {
	tb.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil {
		tb.Fatal("no dockerd found: run `make image-test` or `apt-get install docker.io`")
	}
	sweep(tb)
	// The path of a socket may have 108 bytes, and that of t.TempDir has the test's name in it.
	dir, err := os.MkdirTemp("", fmt.Sprintf("onsale-docker-%d-", os.Getpid())) //nolint:usetesting // as said above
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := remove(dir); err != nil {
			tb.Errorf("dockertest: %v", err)
		}
	})
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = log.Close() }) // the daemon has its own
	socket = filepath.Join(dir, "docker.sock")
	cmd := exec.Command("dockerd", "--host", "unix://"+socket, //nolint:gosec,noctx // only tests call it; the clean-up ends it
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--containerd-namespace", filepath.Base(dir), "--containerd-plugins-namespace", filepath.Base(dir)+"-plugins", // it may share a containerd
		"--bridge", bridge(tb), "--default-address-pool", addresses(), "--iptables=false", "--ip6tables=false", "--ip-masq=false")
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: an interrupt from the keyboard is the test's to handle.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	gone, err := run(cmd)
	if err != nil {
		tb.Fatalf("dockertest: start dockerd: %v", err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			text, _ := os.ReadFile(log.Name()) // what is left of it
			tb.Logf("end of the engine's log:\n%s", text[max(0, len(text)-4000):])
		}
		if err := end(cmd, gone); err != nil {
			tb.Errorf("dockertest: %v", err)
		}
	})
	if err := answers(tb.Context(), socket, gone); err != nil {
		text, _ := os.ReadFile(log.Name()) // the error says enough
		tb.Fatalf("dockertest: %v\n%s", err, text[max(0, len(text)-4000):])
	}
	return socket
}

// run starts a command that dies with this process, and returns what is closed at its end. The kernel
// ties the one to the thread that starts the other, so the goroutine keeps its thread.
func run(cmd *exec.Cmd) (gone <-chan struct{}, err error) {
	ended, started := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its log says how it ended
		}
	}()
	return ended, <-started
}

// end asks a daemon to end, with its containers, and kills it if it does not.
func end(cmd *exec.Cmd, gone <-chan struct{}) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-gone:
		return nil
	case <-time.After(stopLimit):
		return errors.Join(fmt.Errorf("dockerd did not end within %s", stopLimit), cmd.Process.Kill())
	}
}

// answers waits until something listens on a socket.
func answers(ctx context.Context, socket string, gone <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("dockerd did not answer within %s", startLimit))
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-gone:
			return errors.New("dockerd ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-retry.C:
		}
	}
}
