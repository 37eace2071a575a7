//go:build soak

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The limits of the damage that a hostile client can do in TestSiege.
const (
	minUnderSiege = 0.8 // purchase rate under attack, as a share of that without
	// Peak resident memory of each process, in bytes. The monitoring process ends itself at
	// 1 GB.
	maxSaleMemory, maxQueryMemory = 256e6, 512e6
	maxProbe                      = time.Second // until /health answers on a new connection
	probeEvery                    = 250 * time.Millisecond
	siegeRounds                   = 6
	// addressSpace limits the server, in bytes, to protect the machine. Go reserves far
	// more than it uses.
	addressSpace = 8 << 30
)

// TestSiege sells tickets of one concert while another process attacks, see [besiege]. It also
// measures without attack, in turns. Run it with `make siege`.
func TestSiege(t *testing.T) {
	for name, where := range databases {
		t.Run(name, func(t *testing.T) { siege(t, where) })
	}
}

func siege(t *testing.T, where func(testing.TB) ([]string, string)) {
	env, dir := where(t)
	p := launch(t, env, "up", "--listen", "127.0.0.1:0", "--crowd", "0", "--faults", "off", "--max-connections", "200", dir)
	p.waitFor(`ready on (http://\S+)`)
	until(t, startLimit, "the process of the monitoring", func() string {
		if p.child() == 0 {
			return "there is none"
		}
		return ""
	})
	limit := unix.Rlimit{Cur: addressSpace, Max: addressSpace}
	monitoring := p.child()
	for _, pid := range family(t, p) {
		if err := unix.Prlimit(pid, unix.RLIMIT_AS, &limit, nil); err != nil {
			t.Fatal(err)
		}
	}
	r := newRush(t, p.url(), 2_000_000_000)
	const connections = 64
	var ratios []float64
	var slowest time.Duration
	for range siegeRounds {
		peace := r.wrk(connections)
		var probe time.Duration
		attacked := func() float64 {
			attack := exec.CommandContext(t.Context(), "/proc/self/exe")
			attack.Env = append(os.Environ(), asBesieger+"="+p.url())
			attack.Stderr = os.Stderr
			if err := attack.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = attack.Process.Kill()
				_ = attack.Wait() // it was killed
			}()
			probing, stop := context.WithCancel(t.Context())
			var probes sync.WaitGroup
			probes.Go(func() { probe = slowestProbe(probing, t, p.url()) })
			defer func() { stop(); probes.Wait() }()
			return r.wrk(connections)
		}()
		t.Logf("%8.0f sold/s without attack, %8.0f under attack: %.2f; slowest probe %s",
			peace, attacked, attacked/peace, probe.Round(time.Millisecond))
		ratios = append(ratios, attacked/peace)
		slowest = max(slowest, probe)
	}
	sale, queries := peakResident(t, p.cmd.Process.Pid), peakResident(t, monitoring)
	t.Logf("median %.2f, slowest probe %s, peak memory %.0f MB for the sale and %.0f MB for the monitoring",
		median(ratios), slowest.Round(time.Millisecond), sale/1e6, queries/1e6)
	if now := p.child(); now != monitoring {
		t.Errorf("the monitoring is process %d now, and was %d: an attack has ended it", now, monitoring)
	}
	if median(ratios) < minUnderSiege {
		t.Errorf("purchases keep %.2f of their rate, less than %.2f", median(ratios), minUnderSiege)
	}
	if slowest > maxProbe {
		t.Errorf("/health took %s, more than %s", slowest, maxProbe)
	}
	if sale > maxSaleMemory || queries > maxQueryMemory {
		t.Errorf("more than %.0f MB and %.0f MB", maxSaleMemory/1e6, maxQueryMemory/1e6)
	}
	r.verifyBooksBalance()
}

// verifyBooksBalance checks that the ledger balances, without reading every purchase.
func (r *rush) verifyBooksBalance() {
	r.t.Helper()
	var books struct {
		Balanced  bool
		Purchased int64
	}
	if r.get("/books", &books); !books.Balanced || books.Purchased == 0 {
		r.t.Errorf("books are %+v", books)
	}
}

// slowestProbe requests /health on new connections until the context ends, and returns the
// longest response time.
func slowestProbe(ctx context.Context, t *testing.T, base string) time.Duration {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var slowest time.Duration
	for ctx.Err() == nil {
		began := time.Now()
		status, _ := call(context.WithoutCancel(ctx), client, http.MethodGet, base+"/health", "")
		if status != http.StatusOK {
			t.Errorf("/health answered %d after %s", status, time.Since(began))
		}
		slowest = max(slowest, time.Since(began))
		select {
		case <-time.After(probeEvery):
		case <-ctx.Done():
		}
	}
	return slowest
}

// peakResident returns the highest resident memory of a process, in bytes.
func peakResident(t *testing.T, pid int) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes(t, status, "VmHWM") * 1024
}
