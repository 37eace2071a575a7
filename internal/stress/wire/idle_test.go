package wire_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress/wire"
)

// opaque is a connection that has to be read to know whether it is closed, as on
// systems without poll.
type opaque struct{ net.Conn }

// A connection that the target closed while the user waited is not reported as a
// failure, not even for a request that must not be sent twice.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	s := answering(t, ok)
	// A pipe ends for both sides at once, and reports that even after the waiting time,
	// which a busy machine may exceed.
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		if _, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
			_, _ = theirs.Write([]byte(ok))
		}
	}()
	c := wire.Over(s.target, wire.Options{Timeout: time.Minute}, opaque{ours})
	t.Cleanup(c.Close)
	answered(t, c, post("/", ""), 200, "ok")
	s.came(t, 0)
	time.Sleep(1100 * time.Millisecond) // longer than a connection can be idle without a check
	answered(t, c, post("/", ""), 200, "ok")
	s.came(t, 1)
}

// Waiting for data does not disturb an open connection: the next answer can take its
// time, the reported time excludes the wait, and a context ends it.
func TestWaitingForDataDisturbsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		var peer sync.WaitGroup
		peer.Go(func() {
			r := bufio.NewReader(theirs)
			for {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
				if _, err := theirs.Write([]byte(ok)); err != nil {
					return
				}
			}
		})
		defer peer.Wait()
		c := wire.Over(parse(t, "localhost:1"), wire.Options{}, opaque{ours})
		defer c.Close()
		for range 3 {
			began := time.Now()
			if r := answered(t, c, post("/", ""), 200, "ok"); r.Took != 50*time.Millisecond {
				t.Errorf("it took %v, but reports %v", time.Since(began), r.Took)
			}
			time.Sleep(2 * time.Second)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := c.Do(ctx, post("/", "")); wire.KindOf(err) != wire.Canceled {
			t.Errorf("error %v, want one of kind %s", err, wire.Canceled)
		}
	})
}
