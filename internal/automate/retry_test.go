package automate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/client"
)

// gaps returns the times between successive calls of one kind.
func gaps(f *fake, what string) []time.Duration {
	var between []time.Duration
	calls := f.of(what)
	for i := 1; i < len(calls); i++ {
		between = append(between, calls[i].at.Sub(calls[i-1].at))
	}
	return between
}

// turn is the maximum time that a call waits for the rate limiter, at the rate of the
// tests.
const turn = 5 * time.Millisecond

func TestBackoffIsJitteredAndBounded(t *testing.T) {
	t.Parallel()
	early := 0
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(func(_ context.Context, r request) error {
				if r.what == "create" {
					return refusedConnection()
				}
				return nil
			})
			o := options()
			o.Count, o.Retries, o.Seed = 1, 9, seed+1
			sum := run(t, f, o)
			if n := len(f.of("create")); n != 10 || sum.Failed != 1 || sum.Errors["connect"] != 10 {
				t.Fatalf("%d attempts, summary %+v", n, sum)
			}
			limit := 200 * time.Millisecond
			for i, gap := range gaps(f, "create") {
				if gap > limit+turn {
					t.Errorf("wait %d took %s, want at most %s", i+1, gap, limit)
				}
				if gap < limit/2 {
					early++
				}
				limit = min(2*limit, 10*time.Second)
			}
		})
	}
	// Full jitter: half of the waits are shorter than half of the limit.
	if early < 120 || early > 240 {
		t.Errorf("%d of 360 waits were shorter than half of their limit", early)
	}
}

func TestRetryAfterIsHonouredAndBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ asked, least time.Duration }{
		{3 * time.Second, 3 * time.Second},
		{24 * time.Hour, 30 * time.Second},
	} {
		for _, status := range []int{429, 503} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(func(_ context.Context, r request) error {
					if r.what == "create" && r.n < 3 {
						return answer{status, "busy", nil, c.asked}.err()
					}
					return nil
				})
				o := options()
				o.Count = 1
				sum := run(t, f, o)
				for _, gap := range gaps(f, "create") {
					if gap < c.least || gap > c.least+200*time.Millisecond+turn {
						t.Errorf("status %d requested %s: waited %s", status, c.asked, gap)
					}
				}
				if sum.Created != 1 || sum.Deleted != 1 || sum.Failed != 0 || sum.Statuses[status] != 3 {
					t.Errorf("summary %+v", sum)
				}
			})
		}
	}
}

func TestOnlyTransientFailuresAreRetried(t *testing.T) {
	t.Parallel()
	malformed := &client.AnswerError{Method: "POST", Path: "/", Status: 201, Err: errors.New("no JSON")}
	for _, c := range []struct {
		err   error
		tries int
		kind  string
	}{
		{answer{400, "malformed", nil, 0}.err(), 1, "malformed"},
		{answer{409, "", nil, 0}.err(), 1, "http_409"},
		{answer{422, "invalid", nil, 0}.err(), 1, "invalid"},
		{malformed, 1, "malformed_answer"},
		{answer{429, "busy", nil, 0}.err(), 6, "busy"},
		{answer{500, "injected", nil, 0}.err(), 6, "injected"},
		{answer{502, "", nil, 0}.err(), 6, "http_502"},
		{refusedConnection(), 6, "connect"},
		{cut(), 6, "network"},
		{&client.TransportError{Err: context.DeadlineExceeded}, 6, "timeout"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(func(_ context.Context, r request) error {
				if r.what == "create" {
					return c.err
				}
				return nil
			})
			o := options()
			o.Count = 1
			sum := run(t, f, o)
			if n := len(f.of("create")); n != c.tries || sum.Failed != 1 || sum.Errors[c.kind] != int64(c.tries) {
				t.Errorf("%v: %d attempts, want %d; summary %+v", c.err, n, c.tries, sum)
			}
		})
	}
}

func TestRejectedTokenIsRenewedOncePerOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(_ context.Context, r request) error {
			if r.what == "create" {
				return forbidden()
			}
			return nil
		})
		o := options()
		o.Count = 1
		sum := run(t, f, o)
		if len(f.of("create")) != 2 || len(f.of("token")) != 2 || sum.Failed != 1 {
			t.Errorf("%d creates, %d tokens; summary %+v", len(f.of("create")), len(f.of("token")), sum)
		}
	})
}

func TestExpiredTokenIsRenewedByOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(creating(4))
		o := options()
		o.Rate, o.Duration = 100, 10*time.Second
		time.AfterFunc(5*time.Second, f.expire)
		sum := run(t, f, o)
		if n := len(f.of("token")); n != 2 {
			t.Errorf("%d tokens, want 2", n)
		}
		if sum.Statuses[403] < 2 || sum.Failed != 0 || sum.LeftBehind() != 0 {
			t.Errorf("summary %+v", sum)
		}
	})
}

func TestDeletionWithoutAnAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(_ context.Context, r request) error {
			if r.what == "delete" && r.n == 0 {
				return lostAnswerError{cut()}
			}
			return nil
		})
		o := options()
		o.Count = 10
		sum := run(t, f, o)
		if sum.Deleted != 10 || sum.Missing != 0 || sum.Failed != 0 || sum.Statuses[404] != 10 || sum.Errors["not_found"] != 10 {
			t.Errorf("summary %+v", sum)
		}
	})
}

func TestItemDeletedByAnotherClientIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f *fake
		f = newFake(func(_ context.Context, r request) error {
			if r.what == "delete" {
				f.mu.Lock()
				delete(f.items, r.id)
				f.mu.Unlock()
			}
			return nil
		})
		o := options()
		o.Count = 10
		sum := run(t, f, o)
		if sum.Deleted != 0 || sum.Missing != 10 || sum.Failed != 10 || sum.LeftBehind() != 0 {
			t.Errorf("summary %+v", sum)
		}
	})
}

func TestErrorKindsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(_ context.Context, r request) error {
			if r.what == "create" {
				return answer{400, fmt.Sprintf("code_%d", r.n), nil, 0}.err()
			}
			return nil
		})
		o := options()
		o.Count = 1000
		sum := run(t, f, o)
		if len(sum.Errors) != 51 || sum.Errors["other"] != 950 {
			t.Errorf("%d kinds, %d others", len(sum.Errors), sum.Errors["other"])
		}
	})
}
