package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/stress/result"
)

// The stalling server answers immediately, except in the first fifth of each period. At the
// end of that fifth, it answers all waiting requests.
const (
	stallPeriod = 2 * time.Second
	stall       = 400 * time.Millisecond
)

func stalling(tb testing.TB) string {
	tb.Helper()
	began := time.Now()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if since := time.Since(began) % stallPeriod; since < stall {
			select {
			case <-time.After(stall - since):
			case <-r.Context().Done():
			}
		}
	}))
	tb.Cleanup(s.Close)
	return s.URL
}

// TestStressSeesAStall compares the 99th percentile of the open model with the true value. If
// requests arrive evenly, a fifth of them arrives during the stall, and waits for a part of it:
// 99 % of all requests wait for less than 95 % of the stall. The negative control are users
// that wait for their answers: they send no requests during the stall, and hardly see it.
func TestStressSeesAStall(t *testing.T) {
	t.Parallel()
	target := stalling(t)
	run := func(args ...string) (result.Run, int) {
		file := filepath.Join(t.TempDir(), "report.json")
		code, _, stderr := storm(t, nil, append(args, target, "--json", file, "--no-keep", "--only-summary")...)
		if code != command.ExitOK && code != command.ExitBottleneck {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		return readReport(t, file), code
	}
	truth := stall * 95 / 100
	late := lateness(t)
	r, code := run("--rate", "200/s", "-t", "10s")
	got := time.Duration(r.Stats.Total.Response.P99)
	// Other programs on the machine delay the load tester or the server, as they delay the
	// timer. The load tester can then report that it was the bottleneck.
	if off := (got - truth).Abs(); off > truth/20+late() && code != command.ExitBottleneck {
		t.Errorf("p99 is %s, but the true value is %s; exit code %d", got, truth, code)
	}
	control, _ := run("-u", "2", "-t", "4s")
	if naive := time.Duration(control.Stats.Total.Response.P99); naive > truth/2+late() {
		t.Errorf("users that wait for answers see a p99 of %s: the negative control failed", naive)
	}
}

// lateness runs a timer of a millisecond until the test ends. It returns a function that
// returns the maximum delay of the timer.
func lateness(t *testing.T) func() time.Duration {
	t.Helper()
	var most atomic.Int64
	go func() {
		for t.Context().Err() == nil {
			began := time.Now()
			time.Sleep(time.Millisecond)
			most.Store(max(most.Load(), int64(time.Since(began)-time.Millisecond)))
		}
	}()
	return func() time.Duration { return time.Duration(most.Load()) }
}

// TestStressDistinguishesFailures: the report names the kind of each server failure.
func TestStressDistinguishesFailures(t *testing.T) {
	t.Parallel()
	request := func(c net.Conn) { // read it whole, so that closing resets nothing
		_, _ = http.ReadRequest(bufio.NewReader(c))
	}
	for kind, serve := range map[string]func(c net.Conn){
		"reset": func(c net.Conn) {
			request(c)
			_ = c.(*net.TCPConn).SetLinger(0)
		},
		"closed":    func(c net.Conn) { request(c); fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort") },
		"malformed": func(c net.Conn) { request(c); fmt.Fprint(c, "220 mail.example.com ESMTP\r\n") },
		"timeout":   func(c net.Conn) { request(c); time.Sleep(2 * time.Second) },
		"redirect": func(c net.Conn) {
			request(c)
			fmt.Fprint(c, "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n")
		},
		"status": func(c net.Conn) { request(c); fmt.Fprint(c, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { listener.Close() })
			go func() {
				for {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					go func() { defer c.Close(); serve(c) }()
				}
			}()
			file := filepath.Join(t.TempDir(), "report.json")
			code, stdout, stderr := storm(t, nil, "http://"+listener.Addr().String(), "--rate", "20/s", "-t", "2s", "--timeout", "500ms",
				"--redirects", "1", "--no-check", "--json", file, "--no-keep", "--only-summary")
			if code != command.ExitFailure && code != command.ExitBottleneck {
				t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
			}
			r := readReport(t, file)
			if n := r.Stats.Total.Requests; n < 35 || r.Stats.Total.Failures != n {
				t.Errorf("%d failures of %d requests", r.Stats.Total.Failures, n)
			}
			for _, f := range r.Stats.Failures {
				if f.Kind != kind || f.First.IsZero() || f.Last.Before(f.First) {
					t.Errorf("%+v", f)
				}
			}
			if !strings.Contains(stdout, kind) {
				t.Errorf("the report does not contain %s:\n%s", kind, stdout)
			}
		})
	}
}

// TestStressSeesAHangAtTheEnd: a server stops answering in the last seconds. Requests without
// an answer are failures, however the run ends.
func TestStressSeesAHangAtTheEnd(t *testing.T) {
	t.Parallel()
	began := time.Now()
	hung := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if time.Since(began) > 2*time.Second {
			select {
			case <-hung:
			case <-r.Context().Done():
			}
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(hung) })
	code, stdout, stderr := storm(t, nil, s.URL, "--no-check", "--rate", "20/s", "-t", "4s", "-s", "1s", "--no-keep", "--only-summary")
	if code != command.ExitFailure && code != command.ExitBottleneck || !strings.Contains(stdout, "cut_off") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
}

// TestStressFindsTheCapacity: a server that answers one request at a time in 10 ms can serve
// slightly less than 100 requests per second.
func TestStressFindsTheCapacity(t *testing.T) {
	t.Parallel()
	turn := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case turn <- struct{}{}:
			time.Sleep(10 * time.Millisecond)
			<-turn
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "report.json")
	code, stdout, stderr := storm(t, nil, s.URL, "--rate", "1/s", "--start-load", "30", "--find-capacity", "--step-time", "2s",
		"--fail-if", "p95>250ms", "--json", file, "--no-keep", "--only-summary")
	if code != command.ExitOK && code != command.ExitBottleneck {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	c := readReport(t, file).Capacity
	if c == nil || len(c.Points) < 4 {
		t.Fatalf("%+v", c)
	}
	// A busy machine makes the server slower, but never faster. In a step of 2 s, a load that
	// is slightly too high does not cause a long queue.
	if c.Highest < 30 || c.Highest > 130 || c.Broken == 0 && code == command.ExitOK {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(stdout, "Capacity") {
		t.Errorf("%s", stdout)
	}
}
