package capacity_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/capacity"
	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/verdict"
	"onsale/internal/stress/wire"
)

// counters is a target that serves a number of requests at a time, each in the same
// time. Others wait in line.
type counters struct {
	places chan struct{}
	each   time.Duration
}

func (c counters) Do(ctx context.Context, _ *wire.Request) (*wire.Response, error) {
	began := time.Now()
	select {
	case c.places <- struct{}{}:
	case <-ctx.Done():
		return nil, &wire.Error{Kind: wire.Canceled, Err: ctx.Err()}
	}
	defer func() { <-c.places }()
	select {
	case <-time.After(c.each):
		return &wire.Response{Status: 200, Took: time.Since(began)}, nil
	case <-ctx.Done():
		return nil, &wire.Error{Kind: wire.Canceled, Err: ctx.Err()}
	}
}

func (counters) Release()         {}
func (counters) Close()           {}
func (counters) Protocol() string { return "HTTP/1.1" }

// The engine, its statistics and thresholds find the capacity of a target that serves
// at most 200 requests a second. The clock is virtual.
func TestFindsTheCapacityWithTheEngine(t *testing.T) {
	t.Parallel()
	const (
		places = 10
		each   = 50 * time.Millisecond
		limit  = "p95>205ms"
	)
	for _, c := range []struct {
		name  string
		open  bool
		start float64
		// truth is the load from which on the limit is crossed, and room the tolerance
		// of the answer.
		truth, room float64
		knee        [2]float64
	}{
		// Above 200/s, the line grows by the excess, during the 8 s that count.
		{"open", true, 20, places / each.Seconds(), 12, [2]float64{150, 205}},
		// Each user beyond the tenth waits for another: with 41 users, a request takes
		// 205 ms.
		{"closed", false, 3, 41, 2, [2]float64{6, 13}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				thresholds, err := verdict.ParseAll([]string{limit, "failures>0", "not_sent>1%"})
				if err != nil {
					t.Fatal(err)
				}
				target := counters{make(chan struct{}, places), each}
				found, measured := find(t, capacity.Options{
					Measure: func(ctx context.Context, load float64) (result.Step, error) {
						return step(ctx, target, stress.Load{Open: c.open, Curve: stress.Curve{From: load}, MaxInFlight: 1000}, thresholds)
					}, Start: c.start, Max: 10_000, Integer: !c.open,
				})
				if found.Highest < c.truth-c.room || found.Highest > c.truth+c.room || found.Broken > found.Highest*1.06 {
					t.Errorf("%v held and %v broke; the truth is %v; measured %+v", found.Highest, found.Broken, c.truth, measured)
				}
				if found.Knee < c.knee[0] || found.Knee > c.knee[1] {
					t.Errorf("the knee is at %v; want %v; measured %+v", found.Knee, c.knee, found.Points)
				}
			})
		})
	}
}

// step runs one load for ten seconds. The first two do not count.
func step(ctx context.Context, target wire.Doer, load stress.Load, thresholds []verdict.Threshold) (result.Step, error) {
	recorder := stats.New(stats.Options{Start: time.Now(), Separate: load.Open})
	run, err := stress.New(stress.Options{
		Scenario: &stress.Scenario{Name: "one call", Kinds: []stress.Kind{{Weight: 1, Join: func(u *stress.User) stress.Part {
			return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) {
				u.Do(ctx, &stress.Call{Name: "/", Request: wire.Request{Method: "GET", Path: "/"}})
			}}}}
		}}}},
		Load: load, RunTime: 10 * time.Second, StopTimeout: time.Minute, Seed: 1,
		Connect: func() wire.Doer { return target }, Stats: recorder,
	})
	if err != nil {
		return result.Step{}, err
	}
	warm := time.AfterFunc(2*time.Second, func() { recorder.Reset(time.Now()) })
	defer warm.Stop()
	if err := run.Run(ctx); err != nil {
		return result.Step{}, err
	}
	s := recorder.Snapshot(time.Now())
	v := verdict.Judge(s, run.Self(), thresholds)
	r := result.Step{
		Rate: s.Total.Rate, P50: s.Total.Response.P50, P95: s.Total.Response.P95, P99: s.Total.Response.P99,
		Held: v.Code == result.Passed, Tester: v.Code == result.Bottleneck,
	}
	if len(v.Reasons) > 0 {
		r.Broke = v.Reasons[0]
	}
	return r, nil
}
