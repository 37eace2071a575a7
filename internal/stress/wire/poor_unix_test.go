//go:build unix

package wire_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onsale/internal/stress/wire"
)

// asPoor makes the test binary a client that may open no more files.
const asPoor = "ONSALE_TEST_AS_POOR"

// beWithoutFiles prints the kind of error that such a client has.
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
	// Whoever measures coverage opens a file at the end.
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &usual); err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, wire.KindOf(err))
	os.Exit(0)
}

// That the tester has no files left says nothing about the target.
func TestTesterWithoutFiles(t *testing.T) {
	t.Parallel()
	s := answering(t, ok)
	if got := wire.Kind(child(t, asPoor+"="+s.target.String())); got != wire.Tester {
		t.Errorf("kind %s, want %s", got, wire.Tester)
	}
}

// A kept connection that the target closes while it is idle, and one on which it says
// something nobody asked for, are replaced before anything is
// sent on them: not even a purchase is lost.
func TestStaleConnectionIsNoticed(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]string{
		"closed":      "",
		"unsolicited": "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{}, 2)
			s := listen(t, func(_ *server, p *peer) {
				p.request()
				p.say(ok)
				p.say(last)
				_ = p.CloseWrite()
				ended <- struct{}{}
				p.wait()
			})
			c := client(t, s.target, wire.Options{})
			for range 2 {
				answered(t, c, post("/", "{}"), 200, "ok")
				<-ended
				time.Sleep(20 * time.Millisecond) // a connection is looked at when it was idle a while
			}
			s.came(t, 2)
		})
	}
}
