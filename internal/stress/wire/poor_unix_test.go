//go:build unix

package wire_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"onsale/internal/stress/wire"
)

// asPoor makes the test binary a client that cannot open any more files.
const asPoor = "ONSALE_TEST_AS_POOR"

// beWithoutFiles prints the kind of error of such a client.
func beWithoutFiles(target string) {
	t, err := wire.ParseTarget(target)
	if err != nil {
		panic(err)
	}
	c := wire.New(t, wire.Options{NewConnections: true})
	// The runtime opens files of its own for the first connection.
	if _, err := c.Do(context.Background(), get("/")); err != nil {
		panic(err)
	}
	var usual unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &usual); err != nil {
		panic(err)
	}
	poor := usual
	poor.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &poor); err != nil {
		panic(err)
	}
	_, err = c.Do(context.Background(), get("/"))
	// Coverage is written to a file at the end.
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &usual); err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, wire.KindOf(err))
	os.Exit(0)
}

// If the load tester has no files left, that is not a failure of the target.
func TestTesterWithoutFiles(t *testing.T) {
	t.Parallel()
	s := answering(t, ok)
	if got := wire.Kind(child(t, asPoor+"="+s.target.String())); got != wire.Tester {
		t.Errorf("kind %s, want %s", got, wire.Tester)
	}
}
