package stress_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// BenchmarkWaitingUsers reports the memory of the process with 10,000 waiting users
// that are connected and have sent a request: at most 400 MB.
func BenchmarkWaitingUsers(b *testing.B) {
	const n = 10_000
	url := process(b, serverRole)
	for b.Loop() {
		o := options(stress.Load{Curve: stress.SpawnCurve(n, 5000)}, 0, nil, get(stress.Constant(time.Hour)))
		o.Connect = to(b, url)
		r, err := stress.New(o)
		if err != nil {
			b.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- r.Run(b.Context()) }()
		for o.Stats.Snapshot(time.Now()).Total.Requests < n {
			time.Sleep(100 * time.Millisecond)
		}
		runtime.GC()
		b.ReportMetric(resident(b)/1e6, "MB")
		if s := o.Stats.Snapshot(time.Now()); s.Total.Failures > 0 {
			b.Errorf("%d failed: %+v", s.Total.Failures, s.Failures)
		}
		r.Stop()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// resident returns the memory of the process, in bytes.
func resident(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatalf("read resident memory: %v", err)
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * float64(os.Getpagesize())
}

// BenchmarkOpenModel reports how exactly 2,000 tasks a second begin: at most 1 % off,
// and 1 ms late in the median.
func BenchmarkOpenModel(b *testing.B) {
	url := process(b, serverRole)
	for b.Loop() {
		s, r := run(b, url, rate(2000), 5*time.Second, get(nil))
		self := r.Self()
		b.ReportMetric(float64(s.Total.Requests)/5, "sent/s")
		b.ReportMetric(float64(self.LagP50)/1000, "lag-p50-µs")
		b.ReportMetric(float64(self.LagP99)/1000, "lag-p99-µs")
		b.ReportMetric(self.CPUMean*float64(self.Cores), "cores")
	}
}

// free is a connection that costs nothing.
type free struct{ answer wire.Response }

func (f *free) Do(context.Context, *wire.Request) (*wire.Response, error) {
	f.answer = wire.Response{Status: 200, Took: time.Millisecond}
	return &f.answer, nil
}
func (*free) Release()         {}
func (*free) Close()           {}
func (*free) Protocol() string { return "none" }

// BenchmarkDo reports the engine's own cost of a call, statistics included.
func BenchmarkDo(b *testing.B) {
	b.ReportAllocs()
	call := &stress.Call{Name: "/", Request: wire.Request{Method: "GET", Path: "/"}}
	var r *stress.Run
	o := options(users(1), 0, nil, once(func(ctx context.Context, u *stress.User) {
		for b.Loop() {
			u.Do(ctx, call)
		}
		r.Stop()
	}))
	o.Connect = func() wire.Doer { return &free{} }
	o.Stats = stats.New(stats.Options{Start: time.Now()})
	r, err := stress.New(o)
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// TestACallAllocatesNothing: the engine itself allocates nothing for a call, whatever
// its outcome.
func TestACallAllocatesNothing(t *testing.T) {
	for _, status := range []int{200, 503} {
		call := &stress.Call{Request: wire.Request{Method: "GET", Path: "/a?b"}}
		var r *stress.Run
		per := -1.0
		o := options(users(1), 0, nil, once(func(ctx context.Context, u *stress.User) {
			defer r.Stop()
			u.Do(ctx, call)
			per = testing.AllocsPerRun(1000, func() { u.Do(ctx, call) })
		}))
		o.Connect = func() wire.Doer { return &answering{status: status} }
		r, err := stress.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if per != 0 {
			t.Errorf("status %d: %g allocations a call", status, per)
		}
	}
}

// answering always returns the same answer.
type answering struct {
	free
	status int
}

func (a *answering) Do(context.Context, *wire.Request) (*wire.Response, error) {
	a.answer = wire.Response{Status: a.status}
	return &a.answer, nil
}
