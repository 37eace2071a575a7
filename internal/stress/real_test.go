package stress_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// These tests use real time and real sockets. They run by themselves, before those that run side by side, as
// they measure the machine as well.

// to returns how users connect to a server.
func to(tb testing.TB, url string) func() wire.Doer {
	tb.Helper()
	target, err := wire.ParseTarget(url)
	if err != nil {
		tb.Fatal(err)
	}
	return func() wire.Doer { return wire.New(target, wire.Options{}) }
}

// run plays a run against a real server.
func run(tb testing.TB, url string, load stress.Load, runTime time.Duration, kind stress.Kind) (stats.Snapshot, stats.Self) {
	tb.Helper()
	o := options(load, runTime, nil, kind)
	o.Connect = to(tb, url)
	r, err := stress.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	if err := r.Run(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return o.Stats.Snapshot(time.Now()), r.Self()
}

// patient tries three times: a machine that is busy with something else makes each of these figures wrong, and hardly
// three times in a row.
func patient(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for range 3 {
		if err = try(); err == nil {
			return
		}
		t.Log(err)
	}
	t.Error("three times in a row: ", err)
}

// TestTheRateIsKept: 2,000 a second, sent within 1 ms of their moments in the median.
func TestTheRateIsKept(t *testing.T) {
	url := process(t, serverRole)
	patient(t, func() error {
		s, self := run(t, url, rate(2000), time.Second, get(nil))
		lag := time.Duration(self.LagP50)
		t.Logf("%d of 2000 sent, median lag %v, p99 %v, CPU %.2f", s.Total.Requests, lag, time.Duration(self.LagP99), self.CPUMean)
		if !near(s.Total.Requests, 2000, 0.01) || s.Total.Failures > 0 || s.Due != 2000 || lag >= time.Millisecond || self.Bottleneck {
			return fmt.Errorf("%d of 2000 sent, %d failed, median lag %v, %v", s.Total.Requests, s.Total.Failures, lag, self.Reasons)
		}
		return nil
	})
}

// staller is a server that stalls once, from a second after its first request on, and remembers when it
// was done with each.
type staller struct {
	stall time.Duration

	mu    sync.Mutex
	start time.Time
	ends  []time.Duration
}

func (s *staller) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.start.IsZero() {
		s.start = time.Now()
	}
	start, n := s.start, len(s.ends)
	s.ends = append(s.ends, 0)
	s.mu.Unlock()
	if at := time.Since(start); at >= time.Second && at < time.Second+s.stall {
		select {
		case <-time.After(time.Second + s.stall - at):
		case <-r.Context().Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends[n] = time.Since(start)
}

// truth is how long each request took since it was due, each so long after the one before.
func (s *staller) truth(each time.Duration) (times []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, end := range s.ends {
		times = append(times, end-time.Duration(n)*each)
	}
	return times
}

// TestTheTruthOfStallsOverSockets: what the tester says is what the server saw. A fifth of those who come in 2 s
// meet the stall, so the 99th percentile is that of the worst twentieth of them, some 380 ms.
func TestTheTruthOfStallsOverSockets(t *testing.T) {
	const each, stall = 4 * time.Millisecond, 400 * time.Millisecond
	for name, c := range map[string]struct {
		load stress.Load
		wait stress.Wait
	}{
		"open":   {rate(float64(time.Second / each)), nil},
		"pacing": {users(1), stress.Pacing(each)},
	} {
		patient(t, func() error {
			stalling := staller{stall: stall}
			server := httptest.NewServer(&stalling)
			defer server.Close()
			s, self := run(t, server.URL, c.load, 2*time.Second, get(c.wait))
			p99, naive := time.Duration(s.Total.Response.P99), time.Duration(s.Total.Service.P99)
			want := percentile(stalling.truth(each), 99)
			t.Logf("%s: p99 of %d is %v, in truth %v, the naive one %v", name, s.Total.Requests, p99, want, naive)
			if !near(p99, want, 0.05) || want < stall*9/10 || self.Bottleneck || name == "pacing" && naive > stall/10 {
				return fmt.Errorf("%s: p99 of %d is %v, in truth %v, the naive one %v; %v", name, s.Total.Requests, p99, want, naive, self.Reasons)
			}
			return nil
		})
	}
}

// TestAStarvedTesterSaysSo is the positive control: others take the CPUs away from the engine.
func TestAStarvedTesterSaysSo(t *testing.T) {
	url := process(t, serverRole)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 8 * runtime.GOMAXPROCS(0) {
		all.Go(func() { spin(stop) })
	}
	defer all.Wait()
	defer close(stop)
	for runTime, load := range map[time.Duration]stress.Load{600 * time.Millisecond: rate(200), 2100 * time.Millisecond: users(10)} {
		_, self := run(t, url, load, runTime, get(stress.Constant(20*time.Millisecond)))
		t.Logf("open %v, %v: %+v", load.Open, runTime, self)
		if !self.Bottleneck || len(self.Reasons) != 1 || self.LateSeconds == 0 {
			t.Errorf("open %v, %v: %+v", load.Open, runTime, self)
		}
	}
}

// TestATargetIsNotTheTester is the negative control: a target that is slow, that refuses, or that keeps another core busy
// makes no bottleneck of the tester.
func TestATargetIsNotTheTester(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(500 * time.Millisecond):
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + listener.Addr().String()
	listener.Close()
	busy := process(t, serverRole)
	process(t, hogRole)
	for name, url := range map[string]string{"slow": slow.URL, "refusing": refusing, "busy": busy} {
		for _, load := range []stress.Load{rate(200), users(20)} {
			patient(t, func() error {
				s, self := run(t, url, load, 600*time.Millisecond, get(stress.Constant(50*time.Millisecond)))
				if self.Bottleneck || s.Total.Requests == 0 {
					return fmt.Errorf("%s, open %v: %+v", name, load.Open, self)
				}
				return nil
			})
		}
	}
}
