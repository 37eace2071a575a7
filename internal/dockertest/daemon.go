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
	// startLimit is the time that a daemon gets to start, which takes some 2 s.
	startLimit = time.Minute
	// stopLimit is the time that a daemon and its containers get to stop.
	stopLimit = 30 * time.Second
)

// startDaemon starts a daemon and returns the path of its socket.
func startDaemon(tb testing.TB) (socket string) {
	tb.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil {
		tb.Fatal("no dockerd found: run `make image-test` or `apt-get install docker.io`")
	}
	sweep(tb)
	// The path of a socket is limited to 108 bytes, and that of t.TempDir contains the name of the test.
	dir, err := os.MkdirTemp("", fmt.Sprintf("onsale-docker-%d-", os.Getpid())) //nolint:usetesting // see above
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
	tb.Cleanup(func() { _ = log.Close() }) // the daemon has its own file descriptor
	socket = filepath.Join(dir, "docker.sock")
	cmd := exec.Command("dockerd", "--host", "unix://"+socket, //nolint:gosec,noctx // only tests call it; the clean-up ends it
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--containerd-namespace", filepath.Base(dir), "--containerd-plugins-namespace", filepath.Base(dir)+"-plugins", // it may share a containerd
		"--bridge", bridge(tb), "--default-address-pool", addresses(), "--iptables=false", "--ip6tables=false", "--ip-masq=false")
	cmd.Stdout, cmd.Stderr = log, log
	// With a process group of its own, the daemon does not receive an interrupt from the keyboard.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	gone, err := run(cmd)
	if err != nil {
		tb.Fatalf("dockertest: start dockerd: %v", err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			text, _ := os.ReadFile(log.Name()) // an error leaves the text empty
			tb.Logf("end of the engine's log:\n%s", text[max(0, len(text)-4000):])
		}
		if err := end(cmd, gone); err != nil {
			tb.Errorf("dockertest: %v", err)
		}
	})
	if err := answers(tb.Context(), socket, gone); err != nil {
		text, _ := os.ReadFile(log.Name()) // err is enough
		tb.Fatalf("dockertest: %v\n%s", err, text[max(0, len(text)-4000):])
	}
	return socket
}

// run starts a command that ends with this process, and returns a channel that is closed when it ends.
// Pdeathsig depends on the thread that starts the command, so the goroutine keeps its thread.
func run(cmd *exec.Cmd) (gone <-chan struct{}, err error) {
	ended, started := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the log has the reason
		}
	}()
	return ended, <-started
}

// end stops a daemon and its containers with SIGTERM, and kills it after stopLimit.
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

// answers waits until a process listens on the socket.
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
