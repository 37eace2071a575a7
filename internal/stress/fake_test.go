package stress_test

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// target is a target in memory. serve returns when a request that begins at a time
// since the start is done, and its status.
type target struct {
	start time.Time
	serve func(at time.Duration) (done time.Duration, status int)
	// open counts open connections, and held those whose buffers are not released.
	open, held atomic.Int64
	// made counts all connections ever made.
	made atomic.Int64

	mu sync.Mutex
	// begins has the times at which requests began, by path.
	begins map[string][]time.Duration
}

func newTarget(serve func(at time.Duration) (time.Duration, int)) *target {
	return &target{start: time.Now(), serve: serve, begins: map[string][]time.Duration{}}
}

// takes returns a target that takes the same time for each request.
func takes(d time.Duration) *target {
	return newTarget(func(at time.Duration) (time.Duration, int) { return at + d, 200 })
}

func (t *target) connect() wire.Doer {
	return &line{target: t}
}

// all returns when requests began, for all paths.
func (t *target) all() []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []time.Duration
	for _, begins := range t.begins {
		all = append(all, begins...)
	}
	return all
}

// line is one connection to a target.
type line struct {
	target *target
	// open and held are set while the target counts this connection.
	open, held bool
	answer     wire.Response
}

func (l *line) Do(ctx context.Context, r *wire.Request) (*wire.Response, error) {
	if ctx.Err() != nil {
		return nil, &wire.Error{Kind: wire.Canceled, Err: ctx.Err()}
	}
	if !l.open {
		l.open = true
		l.target.open.Add(1)
		l.target.made.Add(1)
	}
	if !l.held {
		l.held = true
		l.target.held.Add(1)
	}
	begin := time.Since(l.target.start)
	l.target.mu.Lock()
	l.target.begins[r.Path] = append(l.target.begins[r.Path], begin)
	l.target.mu.Unlock()
	done, status := l.target.serve(begin)
	if done > begin {
		timer := time.NewTimer(done - begin)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, &wire.Error{Kind: wire.Canceled, Err: ctx.Err()}
		}
	}
	switch status {
	case 0:
		return nil, &wire.Error{Kind: wire.Reset, Took: done - begin, Err: context.DeadlineExceeded}
	case -1:
		return nil, &wire.Error{Kind: wire.Tester, Took: done - begin, Err: context.DeadlineExceeded}
	}
	l.answer = wire.Response{Status: status, Size: 100, Took: time.Since(l.target.start) - begin}
	return &l.answer, nil
}

func (l *line) Release() {
	if l.held {
		l.held = false
		l.target.held.Add(-1)
	}
}

func (l *line) Close() {
	l.Release()
	if l.open {
		l.open = false
		l.target.open.Add(-1)
	}
}

func (l *line) Protocol() string { return "HTTP/1.1" }

// get returns a kind of users that request one path repeatedly.
func get(wait stress.Wait) stress.Kind {
	return stress.Kind{Name: "getter", Weight: 1, Wait: wait, Join: func(u *stress.User) stress.Part {
		call := &stress.Call{Request: wire.Request{Method: "GET", Path: "/"}}
		return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) { u.Do(ctx, call) }}}}
	}}
}

// options returns the options of a run whose last tasks can end.
func options(load stress.Load, runTime time.Duration, t *target, kinds ...stress.Kind) stress.Options {
	return stress.Options{
		Scenario: &stress.Scenario{Name: "test", Kinds: kinds}, Load: load, RunTime: runTime, StopTimeout: time.Minute,
		Seed: 1, Connect: t.connect, Stats: stats.New(stats.Options{Start: time.Now(), Separate: true}),
	}
}

func users(n int) stress.Load { return stress.Load{Curve: stress.Flat(float64(n))} }

func rate(perSecond float64) stress.Load {
	return stress.Load{Open: true, Curve: stress.Flat(perSecond)}
}

// play runs a run to its end.
func play(t *testing.T, o stress.Options) (stats.Snapshot, *stress.Run) {
	t.Helper()
	r, err := stress.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o.Stats.Snapshot(time.Now()), r
}

// began starts a run in the background; end waits for its end.
func began(t *testing.T, o stress.Options) (*stress.Run, func()) {
	t.Helper()
	r, err := stress.New(o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, run := context.WithoutCancel(t.Context()), r
	go func() { done <- run.Run(ctx) }()
	return run, func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// near reports whether a value is within a relative distance of the expected one.
func near[N ~int64 | ~float64 | ~int](got, want N, share float64) bool {
	return math.Abs(float64(got)-float64(want)) <= share*math.Abs(float64(want))
}
