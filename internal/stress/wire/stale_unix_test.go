//go:build unix

package wire_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"onsale/internal/stress/wire"
)

// hears waits until the kept connection has data or has ended.
func hears(t *testing.T, c *wire.Client) {
	t.Helper()
	for until := time.Now().Add(time.Minute); !c.Hears(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("no data")
		}
	}
}

// A kept connection is replaced before anything is sent on it, if the target has closed
// it while it was idle or has sent unsolicited data. Not even a purchase is lost.
func TestStaleConnectionIsNoticed(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]string{
		"closed":      "",
		"unsolicited": "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := make(chan struct{})
			s := listen(t, func(_ *server, p *peer) {
				p.request()
				p.say(ok)
				select {
				case <-answer:
				case <-t.Context().Done():
				}
				p.say(last)
				_ = p.CloseWrite()
				p.wait()
			})
			c := client(t, s.target, wire.Options{})
			for range 2 {
				answered(t, c, post("/", "{}"), 200, "ok")
				answer <- struct{}{}
				hears(t, c)
			}
			s.came(t, 2)
		})
	}
}

// A target that sends a last message right after an answer, and continues to read, is
// detected at once, however soon the next request follows. That is how a server closes
// without losing data. The system reports only once that there is data, and that may
// have been before the request. Waiting for another report would end in a timeout.
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
				unasked := 0
				for range rounds {
					c := client(t, s.target, wire.Options{Timeout: 10 * time.Second})
					r := &wire.Request{Method: method, Path: "/"}
					answered(t, c, r, 200, "ok")
					<-ended
					time.Sleep(200 * time.Microsecond) // long enough for the system to report it before the request
					got, err := c.Do(t.Context(), r)
					kind := wire.KindOf(err)
					switch {
					case err == nil && got.Status != 200:
						unasked++
					case err != nil && (method == "GET" || kind != wire.Closed && kind != wire.Reset):
						t.Fatal(err)
					}
					c.Close()
				}
				// On a slow machine, a message may arrive while the request is being
				// sent.
				if unasked > rounds/2 {
					t.Errorf("%d of %d answers were unsolicited", unasked, rounds)
				}
			})
		}
	}
}

// A TLS connection that was closed while it was idle is replaced as well.
func TestStaleTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	c := client(t, parse(t, s.URL), wire.Options{TLS: &tls.Config{InsecureSkipVerify: true}})
	for range 3 {
		answered(t, c, post("/", ""), 200, "")
		s.CloseClientConnections()
		hears(t, c)
		time.Sleep(2 * time.Millisecond) // the idle time after which a TLS connection is checked
	}
}
