package edge_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/edge"
)

// busy is a number of runnable goroutines at which the fewest requests begin.
const busy = 1 << 20

// paced runs a test with a server whose requests wait for their turn while runnable is
// high, which it is at first.
func paced(t *testing.T, places int, test func(g *rig, runnable *atomic.Int64)) {
	t.Helper()
	virtual(t, places, func(g *rig) {
		var runnable atomic.Int64
		runnable.Store(busy)
		g.edge.PaceBy([]string{"/health"}, func() int { return int(runnable.Load()) })
		test(g, &runnable)
	})
}

// TestUrgentRequestsBeginAtOnce expects urgent requests to begin at once while others
// wait for their turn.
func TestUrgentRequestsBeginAtOnce(t *testing.T) {
	for request, urgent := range map[string]bool{
		"GET /health": true, "HEAD /health": true, "GET /health?verbose": true,
		"POST /health": false, "GET /healthy": false, "GET /health/wait": false, "GET /": false, "get /health": false,
	} {
		t.Run(request, func(t *testing.T) {
			paced(t, 10, func(g *rig, _ *atomic.Int64) {
				g.dial().send(request + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
				if served := len(g.served) == 1; served != urgent {
					t.Errorf("served at once: %t, want %t", served, urgent)
				}
				time.Sleep(edge.TurnInterval)
				synctest.Wait()
				if len(g.served) != 1 {
					t.Error("the request was not served after turnInterval")
				}
			})
		})
	}
}

// TestTurnsAreGivenInOrder expects a few requests to begin every turnInterval while the
// processors are busy, and all at once when they are not.
func TestTurnsAreGivenInOrder(t *testing.T) {
	const requests = 5 * edge.LeastTurns
	paced(t, requests, func(g *rig, runnable *atomic.Int64) {
		for i := range requests {
			g.dial().get(fmt.Sprintf("/%d", i))
		}
		for i := range requests {
			if i == 2*edge.LeastTurns {
				runnable.Store(0)
			}
			if len(g.served) == 0 {
				time.Sleep(edge.TurnInterval)
				synctest.Wait()
			}
			var got int
			if _, err := fmt.Sscanf(<-g.served, "/%d", &got); err != nil {
				t.Fatal(err)
			}
			// Requests of the same turnInterval begin in any order.
			if most := edge.LeastTurns; min(got/most, 2) != min(i/most, 2) || i < 2*most && len(g.served) >= most {
				t.Errorf("request %d was served after %d, with %d more", got, i, len(g.served))
			}
		}
	})
}

// TestNobodyWaitsWithoutReason expects all requests to begin at once if the processors
// are free, or if the listener is not paced.
func TestNobodyWaitsWithoutReason(t *testing.T) {
	const requests = 500
	ask := func(g *rig) {
		for range requests {
			g.dial().get("/")
		}
		if len(g.served) != requests {
			g.Errorf("%d of %d requests were served at once", len(g.served), requests)
		}
	}
	t.Run("free", func(t *testing.T) {
		paced(t, requests, func(g *rig, runnable *atomic.Int64) { runnable.Store(0); ask(g) })
	})
	t.Run("not paced", func(t *testing.T) { virtual(t, requests, ask) })
}

// TestWaited expects Waited to return the wait of each request of a connection.
func TestWaited(t *testing.T) {
	paced(t, 1, func(g *rig, runnable *atomic.Int64) {
		var waited time.Duration
		g.server.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { waited = edge.Waited(r) })
		p := g.dial()
		if p.get("/").wants(http.StatusOK); waited != edge.TurnInterval {
			t.Errorf("the first request waited %s, want %s", waited, edge.TurnInterval)
		}
		runnable.Store(0)
		if p.get("/").wants(http.StatusOK); waited != 0 {
			t.Errorf("the second request waited %s, want 0", waited)
		}
	})
}

// TestWaitingRequestIsNotShed expects a connection to count as used while its request
// waits for its turn, whether the request is the first one or not.
func TestWaitingRequestIsNotShed(t *testing.T) {
	for name, before := range map[string]int{"new": 0, "kept alive": 1} {
		t.Run(name, func(t *testing.T) {
			paced(t, 1, func(g *rig, runnable *atomic.Int64) {
				runnable.Store(0)
				p := g.dial()
				for range before {
					p.get("/").wants(http.StatusOK)
				}
				g.edge.Spend()
				runnable.Store(busy)
				p.get("/")
				other := g.dial().get("/") // needs a place at once
				p.wants(http.StatusOK)
				other.wants(http.StatusOK)
			})
		})
	}
}

// TestProbeOutlivesOrdinaryRequestsInReserve expects a connection whose request is not
// read yet to stay in reserve longer than ordinary ones, because it can be a probe's.
func TestProbeOutlivesOrdinaryRequestsInReserve(t *testing.T) {
	virtual(t, 1, func(g *rig) {
		g.hog(1)
		probe := g.dial()
		for range 2 * edge.Reserve {
			g.dial().get("/")
		}
		probe.get("/health").wants(http.StatusOK)
	})
}
