package stress_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// once returns a kind of users with one task.
func once(do func(ctx context.Context, u *stress.User)) stress.Kind {
	return stress.Kind{Name: "one", Weight: 1, Wait: stress.Constant(time.Hour), Join: func(u *stress.User) stress.Part {
		return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) { do(ctx, u) }}}}
	}}
}

func TestOutcomesAreDistinguished(t *testing.T) {
	t.Parallel()
	soldOut := func(*wire.Response) stats.Outcome { return stats.Outcome{Class: stats.Business, Kind: "sold_out"} }
	for name, c := range map[string]struct {
		status  int
		judge   func(*wire.Response) stats.Outcome
		outcome stats.Outcome
		answer  bool
	}{
		"good":       {201, nil, stats.Outcome{}, true},
		"redirect":   {302, nil, stats.Outcome{Class: stats.Failed, Kind: stats.KindStatus, Detail: "status 302"}, false},
		"unexpected": {503, nil, stats.Outcome{Class: stats.Failed, Kind: stats.KindStatus, Detail: "status 503"}, false},
		"odd":        {999, nil, stats.Outcome{Class: stats.Failed, Kind: stats.KindStatus, Detail: "status 999"}, false},
		"sold out":   {409, soldOut, stats.Outcome{Class: stats.Business, Kind: "sold_out"}, true},
		"reset":      {0, nil, stats.Outcome{Class: stats.Failed, Kind: "reset", Detail: "context deadline exceeded"}, false},
		"tester":     {-1, nil, stats.Outcome{Class: stats.Failed, Kind: "tester", Detail: "context deadline exceeded"}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			target := newTarget(func(at time.Duration) (time.Duration, int) { return at + 50*time.Millisecond, c.status })
			answered := false
			o := options(users(1), time.Minute, target, once(func(ctx context.Context, u *stress.User) {
				answered = u.Do(ctx, &stress.Call{Request: wire.Request{Method: "GET", Path: "/a?b=c"}, Judge: c.judge}) != nil
			}))
			var seen []stats.Sample
			o.Stats = stats.New(stats.Options{Start: time.Now(), Observe: func(method, path string, s stats.Sample) {
				if method != "GET" || path != "/a" {
					t.Errorf("%s: counted as %s %s", name, method, path)
				}
				seen = append(seen, s)
			}})
			_, r := play(t, o)
			if len(seen) != 1 || seen[0].Outcome != c.outcome || answered != c.answer ||
				seen[0].Service != 50*time.Millisecond || seen[0].Response != seen[0].Service {
				t.Errorf("%s: %+v, answered %v, want %+v", name, seen, answered, c.outcome)
			}
			self := r.Self()
			if tester := c.status == -1; self.Errors > 0 != tester || self.Bottleneck != tester || len(self.Reasons) > 0 != tester {
				t.Errorf("%s: %+v", name, self)
			}
		})
	}
}

// TestSentIsWhatMayHaveReachedTheTarget: Sent is about each call by itself.
func TestSentIsWhatMayHaveReachedTheTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kind, c := wire.Closed, &stress.Call{}
		o := options(users(1), time.Second, nil, once(func(ctx context.Context, u *stress.User) {
			if u.Sent() {
				t.Error("something was sent before the first call")
			}
			for _, step := range []struct {
				kind wire.Kind
				sent bool
			}{
				{wire.Timeout, true},
				{wire.Refused, false},
				{wire.Reset, true},
				{wire.Tester, false},
				{wire.Canceled, true},
				{wire.Invalid, false},
			} {
				kind = step.kind
				if u.Do(ctx, c); u.Sent() != step.sent {
					t.Errorf("after %s: sent is %v", kind, u.Sent())
				}
			}
			kind = wire.Canceled
			over, cancel := context.WithCancel(ctx)
			cancel()
			u.Do(ctx, c)
			if u.Do(over, c); u.Sent() {
				t.Error("a call was sent after the end of its context")
			}
		}))
		o.Connect = func() wire.Doer {
			return asked(func() error { return &wire.Error{Kind: kind, Err: errors.New("why")} })
		}
		play(t, o)
	})
}

// asked is a connection that always fails with the returned error.
type asked func() error

func (a asked) Do(context.Context, *wire.Request) (*wire.Response, error) { return nil, a() }
func (asked) Release()                                                    {}
func (asked) Close()                                                      {}
func (asked) Protocol() string                                            { return "" }

func TestAScenarioWithoutConnectionsCannotAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options(users(1), time.Second, nil, once(func(ctx context.Context, u *stress.User) {
			u.Do(ctx, &stress.Call{Request: wire.Request{Method: "GET", Path: "/"}})
		}))
		o.Connect = nil
		if s, r := play(t, o); len(s.Failures) != 1 || s.Failures[0].Kind != string(wire.Invalid) || r.Protocol() != "" {
			t.Errorf("%+v, %q", s.Failures, r.Protocol())
		}
	})
}
