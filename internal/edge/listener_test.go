package edge_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"onsale/internal/edge"
)

// virtual runs a test in virtual time.
func virtual(t *testing.T, limit int, test func(g *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(newRig(t, limit)) })
}

// TestClientsThatNeverRead takes all places with pipelined requests for large answers
// that nobody reads. Other clients are served.
func TestClientsThatNeverRead(t *testing.T) {
	virtual(t, 5, func(g *rig) {
		attack := strings.Repeat("GET /big HTTP/1.1\r\nHost: x\r\n\r\n", 15)
		for range 5 {
			g.dial().send(attack)
		}
		g.within(0, func() { g.dial().get("/health").wants(http.StatusOK) })
		g.within(400*time.Millisecond, func() { g.dial().get("/").wants(http.StatusOK) })
		if n := len(g.served); n != 7 {
			g.Errorf("%d requests were served, want 7: the first of each attacker, /health and /", n)
		}
	})
}

// TestLoneClientThatNeverReadsIsClosed expects the close even if nobody waits for the
// place.
func TestLoneClientThatNeverReadsIsClosed(t *testing.T) {
	virtual(t, 5, func(g *rig) {
		p := g.dial().get("/big")
		time.Sleep(31 * time.Second)
		if _, err := io.ReadAll(p); err != nil {
			g.Error(err)
		}
		wantShed(g, "stalled", 1)
	})
}

// TestSlowReaderKeepsItsConnection reads 2 KB/s steadily, for longer than a single chunk
// can take.
func TestSlowReaderKeepsItsConnection(t *testing.T) {
	virtual(t, 5, func(g *rig) {
		p := g.dial().get("/big")
		for read := 0; read < 100<<10; {
			n, err := p.Read(make([]byte, 2<<10))
			if err != nil {
				g.Fatalf("after %d bytes: %v", read, err)
			}
			read += n
			time.Sleep(time.Second)
		}
	})
}

// TestIdleConnectionsMakeRoom expects the longest idle connection to be closed first.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	virtual(t, 3, func(g *rig) {
		idle := []*peer{g.dial(), g.dial(), g.dial()}
		for _, i := range []int{1, 0, 2} {
			idle[i].get("/").wants(http.StatusOK)
			time.Sleep(time.Second)
		}
		g.within(0, func() { g.dial().get("/").wants(http.StatusOK) })
		for i, open := range []bool{true, false, true} {
			if idle[i].isOpen() != open {
				g.Errorf("connection %d: open is %t, want %t", i, !open, open)
			}
		}
		wantShed(g, "idle", 1)
	})
}

// TestNewConnectionAloneShedsNobody expects connections to be shed only for a request.
func TestNewConnectionAloneShedsNobody(t *testing.T) {
	virtual(t, 1, func(g *rig) {
		p := g.dial()
		p.get("/").wants(http.StatusOK)
		g.dial()
		time.Sleep(time.Second)
		p.get("/").wants(http.StatusOK)
	})
}

// TestClientsWithoutARequest takes all places without a complete request: with silent
// clients, slow headers, and a slow second request. Other clients are served.
func TestClientsWithoutARequest(t *testing.T) {
	for name, hold := range map[string]func(*peer){
		"silent":        func(*peer) {},
		"slow header":   func(p *peer) { p.send("GET / HTTP/1.1\r\nHo") },
		"second header": func(p *peer) { p.get("/").wants(http.StatusOK); p.send("GET / HTTP/1.1\r\nHo") },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, 3, func(g *rig) {
				for range 3 {
					hold(g.dial())
				}
				time.Sleep(time.Second)
				for range 10 {
					g.within(0, func() { g.dial().get("/").wants(http.StatusOK) })
				}
			})
		})
	}
}

// TestSlowBodies expects slow request bodies to be cut off when others wait, and not
// before.
func TestSlowBodies(t *testing.T) {
	virtual(t, 3, func(g *rig) {
		const head = "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
		lone := g.dial().send(head)
		time.Sleep(5 * time.Second)
		lone.send(strings.Repeat("x", 1000)).wants(http.StatusOK)
		_ = lone.Close()
		for range 3 {
			p := g.dial().send(head)
			g.clients.Go(func() { // a byte now and then
				for range 20 {
					time.Sleep(500 * time.Millisecond)
					_, _ = io.WriteString(p, "x")
				}
			})
		}
		time.Sleep(3 * time.Second)
		g.within(0, func() { g.dial().get("/").wants(http.StatusOK) })
		wantShed(g, "slow", 3)
	})
}

// TestRequestsBeyondThePlaces expects a request to be rejected if every place is in use,
// and to be served if a place becomes free in time.
func TestRequestsBeyondThePlaces(t *testing.T) {
	virtual(t, 2, func(g *rig) {
		g.hog(2)
		g.within(time.Second, func() {
			if closing := g.dial().get("/").wants(http.StatusServiceUnavailable); !closing {
				g.Error("the connection in reserve was kept open")
			}
		})
		g.releaseAfter(500 * time.Millisecond)
		g.within(600*time.Millisecond, func() { g.dial().get("/").wants(http.StatusOK) })
	})
}

// TestAnsweredRequestsHoldNoPlace expects a connection to lose its place after the
// answer, while the server still waits for the rest of a body that it does not read.
func TestAnsweredRequestsHoldNoPlace(t *testing.T) {
	virtual(t, 2, func(g *rig) {
		for range 2 {
			g.dial().send("GET /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n").wants(http.StatusOK)
		}
		g.within(0, func() { g.dial().get("/").wants(http.StatusOK) })
	})
}

// TestBusyConnectionsTakeTurns expects that clients with pipelined requests do not keep
// other clients out.
func TestBusyConnectionsTakeTurns(t *testing.T) {
	virtual(t, 2, func(g *rig) {
		for range 2 {
			p := g.dial()
			g.clients.Go(func() { _, _ = io.Copy(io.Discard, p) })
			p.send(strings.Repeat("GET /delay HTTP/1.1\r\nHost: x\r\n\r\n", 1000))
		}
		for range 3 {
			g.within(300*time.Millisecond, func() { g.dial().get("/").wants(http.StatusOK) })
		}
	})
}

// TestReserveIsNotForStrangers expects a probe to be answered, whatever other clients do
// with the reserve.
func TestReserveIsNotForStrangers(t *testing.T) {
	const many = 3 * edge.Reserve
	for name, hold := range map[string]func(*peer){
		"silent":             func(*peer) {},
		"slow header":        func(p *peer) { p.send("GET /health HTTP/1.1\r\nHo") },
		"rejected, not read": func(p *peer) { p.get("/") },
		"half a body":        func(p *peer) { p.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n") },
		"probes, not read":   func(p *peer) { p.get("/health/big"); time.Sleep(time.Second) },
		"probes that go on":  func(p *peer) { p.get("/health/wait"); time.Sleep(time.Second) },
		"probes with a body": func(p *peer) {
			p.send("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n").wants(http.StatusOK)
		},
		"closed at once":       func(p *peer) { _ = p.Close() },
		"closed after request": func(p *peer) { p.get("/"); _ = p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, 2, func(g *rig) {
				g.hog(2)
				for range many {
					hold(g.dial())
				}
				g.within(time.Second, func() { g.dial().get("/health").wants(http.StatusOK) })
			})
		})
	}
}

// TestReserveExpires expects a connection in reserve to be closed if it is not admitted.
func TestReserveExpires(t *testing.T) {
	virtual(t, 1, func(g *rig) {
		g.hog(1)
		silent, admitted := g.dial(), g.dial().get("/health/wait")
		time.Sleep(3 * time.Second)
		if silent.isOpen() || !admitted.isOpen() {
			t.Error("want the silent one closed and the admitted one open")
		}
		wantShed(g, "reserve", 1)
	})
}

// TestFreePlaceGoesToTheReserve expects a long admitted request to leave the reserve when
// a place becomes free.
func TestFreePlaceGoesToTheReserve(t *testing.T) {
	virtual(t, 1, func(g *rig) {
		first := g.dial().get("/wait")
		lasting := g.dial().get("/health/wait")
		_ = first.Close()
		synctest.Wait()
		for range 2 * edge.Reserve { // would close the oldest in the reserve
			g.dial().get("/health/wait")
			time.Sleep(time.Second)
		}
		if !lasting.isOpen() {
			t.Error("the long request was cut off")
		}
	})
}

// TestAcceptWaits expects Accept to wait while all places and the whole reserve are in
// use, and to end when the listener is closed.
func TestAcceptWaits(t *testing.T) {
	virtual(t, 1, func(g *rig) {
		g.hog(1)
		for range edge.Reserve {
			g.dial().get("/health/wait")
		}
		late := g.dial().get("/health")
		if len(g.served) != 1+edge.Reserve {
			t.Fatalf("%d requests were served", len(g.served))
		}
		g.within(3*time.Second, func() { late.wants(http.StatusOK) })
		for range edge.Reserve {
			g.dial().get("/health/wait")
		}
		late = g.dial()
		if err := g.server.Close(); err != nil {
			t.Error(err)
		}
		late.wants(0)
	})
}

// gated is a connection whose reads return only when the gate is open.
type gated struct {
	net.Conn

	gate chan struct{}
}

func (c gated) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	<-c.gate
	return n, err
}

// TestRequestOfAShedConnectionIsNotServed sheds a connection whose request was just read.
// It must not be served, because nobody would get the answer.
func TestRequestOfAShedConnectionIsNotServed(t *testing.T) {
	virtual(t, 1, func(g *rig) {
		client, server := net.Pipe()
		gate := make(chan struct{})
		g.accept(gated{server, gate})
		(&peer{Conn: client, g: g}).get("/shed")
		g.dial().get("/other").wants(http.StatusOK)
		close(gate)
		synctest.Wait()
		if got := <-g.served; got != "/other" || len(g.served) != 0 {
			t.Errorf("%s was served, and %d more", got, len(g.served))
		}
	})
}

// TestNewConnections expects new connections to have a moment to send their request, even
// if others wait.
func TestNewConnections(t *testing.T) {
	virtual(t, 1, func(g *rig) {
		young := g.dial()
		waits := g.dial().get("/")
		time.Sleep(50 * time.Millisecond)
		young.get("/").wants(http.StatusOK)
		waits.wants(http.StatusOK)
		wantShed(g, "new", 0)
	})
}

// TestTooFewFiles expects unused connections to be closed when the process cannot open
// more files.
func TestTooFewFiles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, 100)
		silent := g.dial()
		short := &fewFiles{Listener: g.edge.Listener, fail: 1}
		g.edge.Listener = short // from the next call of Accept on
		g.dial().get("/").wants(http.StatusOK)
		if g.dial().get("/").wants(http.StatusOK); silent.isOpen() || short.fail != 0 {
			t.Error("want the silent connection closed")
		}
	})
}

// fewFiles is a listener whose Accept fails at first because of too many open files.
type fewFiles struct {
	net.Listener

	fail int
}

func (l *fewFiles) Accept() (net.Conn, error) {
	if l.fail > 0 {
		l.fail--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// TestSheddingIsLoggedOnceAMinute counts log messages about shed connections.
func TestSheddingIsLoggedOnceAMinute(t *testing.T) {
	virtual(t, 1, func(g *rig) {
		for range 5 {
			g.dial().get("/").wants(http.StatusOK)
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Minute)
		g.dial().get("/").wants(http.StatusOK)
		g.dial().get("/").wants(http.StatusOK)
		synctest.Wait()
		if n := strings.Count(g.logs.String(), "level=WARN"); n != 2 || !strings.Contains(g.logs.String(), "idle=4") {
			t.Errorf("%d warnings, want 2, and idle=4 in the last:\n%s", n, g.logs.String())
		}
		if problems, err := testutil.CollectAndLint(g.edge.Metrics()); err != nil || len(problems) > 0 {
			t.Errorf("%v %v", err, problems)
		}
	})
}

// wantShed checks how many connections were shed for a reason.
func wantShed(g *rig, reason string, want int) {
	g.Helper()
	text, err := testutil.CollectAndFormat(g.edge.Metrics(), expfmt.TypeTextPlain, "onsale_connections_shed_total")
	if err != nil {
		g.Fatal(err)
	}
	if !strings.Contains(string(text), fmt.Sprintf("{reason=%q} %d\n", reason, want)) {
		g.Errorf("want %d connections shed for %s, got\n%s", want, reason, text)
	}
}
