//go:build linux

package dockertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// bridge creates a network bridge for the engine, with a subnet of 10.0.0.0/8 that depends on the process id.
func bridge(tb testing.TB) string {
	tb.Helper()
	pid := os.Getpid()
	name := fmt.Sprintf("onsale%d", pid%1_000_000_000) // 15 characters at most
	ip := func(args ...string) {
		tb.Helper()
		if out, err := exec.CommandContext(context.WithoutCancel(tb.Context()), "ip", args...).CombinedOutput(); err != nil { //nolint:gosec // only tests call it
			tb.Fatalf("dockertest: ip %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	ip("link", "add", "name", name, "type", "bridge")
	tb.Cleanup(func() { ip("link", "delete", name) })
	ip("address", "add", fmt.Sprintf("10.%d.%d.1/24", 200+pid/256%50, pid%256), "dev", name)
	ip("link", "set", name, "up")
	return name
}

// NetworkBridge returns a name for the bridge of one more network of this process. The engine makes it, and
// [Start] removes those that killed tests have left.
func NetworkBridge() string { return fmt.Sprintf("onsale%dn", os.Getpid()%1_000_000_000) }

// addresses are those of the further networks that an engine makes, in another part of 10.0.0.0/8.
func addresses() string {
	pid := os.Getpid()
	return fmt.Sprintf("base=10.%d.%d.0/24,size=27", 150+pid/256%50, pid%256)
}

// sweep removes the bridges and the directories of tests that were killed.
func sweep(tb testing.TB) {
	tb.Helper()
	gone := func(pattern, name string) bool {
		var pid int
		_, err := fmt.Sscanf(name, pattern, &pid)
		return err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}
	bridges, _ := filepath.Glob("/sys/class/net/onsale*") // the pattern is well formed
	for _, path := range bridges {
		if name := filepath.Base(path); gone("onsale%d", name) {
			_ = exec.CommandContext(tb.Context(), "ip", "link", "delete", name).Run() //nolint:gosec // what cannot be removed stays
		}
	}
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), "onsale-docker-*")) //nolint:usetesting // other tests' directories are there; the pattern is well formed
	for _, dir := range dirs {
		if gone("onsale-docker-%d-", filepath.Base(dir)) {
			_ = remove(dir) // what cannot be removed stays
		}
	}
}

// remove removes the directory of a daemon that has ended. It first unmounts what the daemon has left
// there, such as a network namespace.
func remove(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	var errs []error
	for _, line := range slices.Backward(strings.Split(string(mounts), "\n")) { // the innermost first
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			errs = append(errs, syscall.Unmount(fields[1], syscall.MNT_DETACH))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(dir))...)
}
