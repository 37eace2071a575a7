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

// opaque is a connection of which one cannot know without reading whether it is closed, as on systems that have no
// poll.
type opaque struct{ net.Conn }

// A connection that the target closed while the user waited is not told as a failure, not even of a request that must
// not be sent twice.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	s := listen(t, func(_ *server, p *peer) {
		if p.nth == 1 {
			p.request()
			p.say(ok)
			return
		}
		p.serve(ok)
	})
	tcp, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.target.String()[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	c := wire.Over(s.target, wire.Options{Timeout: time.Minute}, opaque{tcp})
	t.Cleanup(c.Close)
	answered(t, c, post("/", ""), 200, "ok")
	time.Sleep(1100 * time.Millisecond) // longer than it may be idle without a look
	answered(t, c, post("/", ""), 200, "ok")
	s.came(t, 2)
}

// A target that says its last word right after an answer, and goes on reading, as a server does that closes without
// losing what is under way, is told at once, however soon the next request follows: the system says only once that
// there is something to read, and that may have been before the request. Waiting for more would end in a timeout.
func TestLastWordRightAfterAnswer(t *testing.T) {
	t.Parallel()
	const rounds = 50
	for name, last := range map[string]string{
		"closed":      "",
		"unsolicited": "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				ended := make(chan struct{}, 2*rounds)
				s := listen(t, func(_ *server, p *peer) {
					p.request()
					p.say(ok)
					p.say(last)
					_ = p.CloseWrite()
					ended <- struct{}{}
					p.wait()
				})
				for range rounds {
					c := client(t, s.target, wire.Options{Timeout: 10 * time.Second})
					r := &wire.Request{Method: method, Path: "/"}
					answered(t, c, r, 200, "ok")
					<-ended
					time.Sleep(200 * time.Microsecond) // less than a connection may be idle without a look
					_, err := c.Do(t.Context(), r)
					kind := wire.KindOf(err)
					again := err == nil || method == "POST" && (kind == wire.Closed || kind == wire.Reset)
					if !again {
						t.Fatal(err)
					}
					c.Close()
				}
			})
		}
	}
}

// Listening whether a connection is closed harms none that is not: the next answer may take its time, the time that is
// told is its own, and a context ends it.
func TestListeningHarmsNothing(t *testing.T) {
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
				t.Errorf("it took %v, by its own account %v", time.Since(began), r.Took)
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
