package wire_test

import (
	"context"
	"testing"
	"time"

	"onsale/internal/stress/wire"
)

// A timeout counts from the beginning of its own request, also on a connection that was
// used just before, and never ends the request early.
func TestTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	s := listen(t, func(_ *server, p *peer) {
		for range 50 {
			p.request()
			p.say(ok)
		}
		p.wait()
	})
	c := client(t, s.target, wire.Options{Timeout: timeout})
	for range 50 {
		answered(t, c, post("/", ""), 200, "ok")
	}
	start := time.Now()
	failure := failed(t, c, post("/", ""), wire.Timeout)
	took := time.Since(start)
	if took < timeout || took > timeout+10*time.Second {
		t.Errorf("it took %s, want %s", took, timeout)
	}
	if failure.took < timeout || failure.took > took {
		t.Errorf("it reports %s, but it took %s", failure.took, took)
	}
}

// The whole request counts, including redirects.
func TestTimeoutOverRedirects(t *testing.T) {
	t.Parallel()
	s := listen(t, func(_ *server, p *peer) {
		for p.request() != nil {
			time.Sleep(60 * time.Millisecond) // each redirect takes less than the timeout
			p.say("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
		}
	})
	c := client(t, s.target, wire.Options{Timeout: time.Second, Redirects: 1000})
	failed(t, c, get("/"), wire.Timeout)
}

// When a context ends, the request ends, whatever it waits for, and the client can send
// another one.
func TestCancel(t *testing.T) {
	t.Parallel()
	for name, beginning := range map[string]string{
		"before the answer": "",
		"in the head":       "HTTP/1.1 200 OK\r\n",
		"in the body":       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{})
			s := listen(t, func(_ *server, p *peer) {
				p.request()
				if p.nth == 2 {
					p.serve(ok)
				}
				if p.nth == 1 {
					p.say(ok)
					p.request()
				}
				p.say(beginning)
				asked <- struct{}{}
				p.wait()
			})
			c := client(t, s.target, wire.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			// The ended context is one that the client followed before.
			if _, err := c.Do(ctx, post("/", "")); err != nil {
				t.Fatal(err)
			}
			go func() {
				<-asked
				cancel()
			}()
			if _, err := c.Do(ctx, post("/", "")); wire.KindOf(err) != wire.Canceled {
				t.Fatalf("error %v, want one of kind %s", err, wire.Canceled)
			}
			if _, err := c.Do(ctx, post("/", "")); wire.KindOf(err) != wire.Canceled {
				t.Fatalf("error %v, want one of kind %s", err, wire.Canceled)
			}
			s.came(t, 1)
		})
	}
}

// With an ended context, no request begins.
func TestCanceledBefore(t *testing.T) {
	t.Parallel()
	s := answering(t, ok)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, s.target, wire.Options{}).Do(ctx, get("/")); wire.KindOf(err) != wire.Canceled {
		t.Errorf("error %v, want one of kind %s", err, wire.Canceled)
	}
	s.came(t, 0)
}

// A context that ends while the client is idle does not disturb a request under another
// context.
func TestCancelWhileIdle(t *testing.T) {
	t.Parallel()
	s := answering(t, ok)
	c := client(t, s.target, wire.Options{})
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := c.Do(ctx, post("/", "")); err != nil {
			t.Fatal(err)
		}
		go cancel()
		answered(t, c, post("/", ""), 200, "ok")
		<-ctx.Done()
	}
	s.came(t, 1)
}

// The deadline of a context ends the request like a cancellation: it is the run's limit
// and not the target's.
func TestContextDeadline(t *testing.T) {
	t.Parallel()
	silent := listen(t, func(_ *server, p *peer) { p.wait() })
	for _, scheme := range []string{"http", "https"} {
		c := client(t, parse(t, scheme+silent.target.String()[len("http"):]), wire.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), short)
		_, err := c.Do(ctx, get("/"))
		cancel()
		if wire.KindOf(err) != wire.Canceled {
			t.Errorf("%s: error %v, want one of kind %s", scheme, err, wire.Canceled)
		}
	}
}
