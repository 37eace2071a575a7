package automate_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/automate"
)

// creating returns a hook with the delays of the default fault plan.
func creating(seed uint64) func(context.Context, request) error {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(ctx context.Context, r request) error {
		if r.what != "create" {
			return nil
		}
		mu.Lock()
		d := 100*time.Millisecond + time.Duration(random.Int64N(int64(400*time.Millisecond)))
		mu.Unlock()
		return pause(ctx, d)
	}
}

func TestRateIsKeptAndNeverExceeded(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.5, 2, 20, 200} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(creating(1))
			o := options()
			o.Rate, o.Duration, o.Users = rate, time.Minute, 3
			sum := run(t, f, o)
			if got, want := float64(sum.Calls), rate*60; math.Abs(got-want) > 0.02*want+3 {
				t.Errorf("rate %g: %g calls in a minute, want %g", rate, got, want)
			}
			// The final deletions have a rate of at least five per second.
			window, most := time.Second, max(rate, 5)
			for i, r := range f.requests {
				n := 0
				for _, later := range f.requests[i:] {
					if later.at.Sub(r.at) >= window {
						break
					}
					n++
				}
				if float64(n) > most+1 {
					t.Fatalf("rate %g: %d calls within a second", rate, n)
				}
			}
			if rate >= 20 && f.most < 2 {
				t.Errorf("rate %g: never two calls in flight", rate)
			}
			if len(f.items) != 0 || sum.LeftBehind() != 0 || sum.Failed != 0 || sum.Created == 0 {
				t.Errorf("rate %g: %d items exist, summary %+v", rate, len(f.items), sum)
			}
		})
	}
}

func TestCountIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(creating(2))
		o := options()
		o.Rate, o.Count, o.Users = 50, 100, 7
		sum := run(t, f, o)
		want := map[int]int64{200: 107, 201: 100}
		if !maps.Equal(sum.Statuses, want) || sum.Created != 100 || sum.Deleted != 100 || sum.Calls != 207 {
			t.Errorf("summary %+v", sum)
		}
		if sum.Interrupted || len(sum.Errors) != 0 {
			t.Errorf("interrupted %v, errors %v", sum.Interrupted, sum.Errors)
		}
		users := map[string]int{}
		for _, r := range f.of("create") {
			users[r.user]++
		}
		if len(users) != 7 || users["automate-7"] == 0 {
			t.Errorf("users %v", users)
		}
	})
}

func TestRunEndsWithCountOrDuration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		count    int64
		duration time.Duration
	}{{10, time.Hour}, {1000, 5 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			o := options()
			o.Rate, o.Count, o.Duration = 4, c.count, c.duration
			begin := time.Now()
			sum := run(t, newFake(nil), o)
			if took := time.Since(begin); took < 4*time.Second || took > 7*time.Second || sum.Created > 12 || sum.Created < 9 {
				t.Errorf("count %d, duration %s: %d items in %s", c.count, c.duration, sum.Created, took)
			}
		})
	}
}

func TestKeepRatioIsTheShareOfKeptItems(t *testing.T) {
	t.Parallel()
	for ratio, want := range map[float64][2]int64{0: {0, 0}, 0.3: {240, 360}, 1: {1000, 1000}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(nil)
			o := options()
			o.Count, o.KeepRatio = 1000, ratio
			sum := run(t, f, o)
			if sum.Kept < want[0] || sum.Kept > want[1] || sum.Kept != int64(len(f.items)) || sum.LeftBehind() != 0 {
				t.Errorf("ratio %g: %d kept, %d exist, %d left behind", ratio, sum.Kept, len(f.items), sum.LeftBehind())
			}
		})
	}
}

func TestInterruptedRunCleansUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(creating(3))
		o := options()
		o.Rate = 30
		ctx, stop := context.WithCancel(t.Context())
		var stopped time.Time
		time.AfterFunc(10*time.Second, func() { stopped = time.Now(); stop() })
		sum := runWith(t, ctx, f, o)
		if !sum.Interrupted || sum.LeftBehind() != 0 || len(f.items) != 0 || sum.Failed != 0 || sum.Unsure != 0 {
			t.Errorf("%d items exist, summary %+v", len(f.items), sum)
		}
		for _, r := range f.of("create") {
			if r.at.After(stopped) {
				t.Errorf("a create %s after the stop", r.at.Sub(stopped))
			}
		}
		if took := time.Since(stopped); took > 2*time.Second {
			t.Errorf("it took %s to stop", took)
		}
	})
}

func TestInterruptedRunEndsInTimeIfTheServerHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		f := newFake(func(ctx context.Context, r request) error {
			if r.what == "delete" || len(r.id) == 0 && r.what == "create" && r.n > 20 {
				return pause(ctx, time.Hour) // the server hangs
			}
			return nil
		})
		o := options()
		o.Rate, o.ShutdownTimeout = 20, 3*time.Second
		begin := time.Now()
		time.AfterFunc(5*time.Second, stop)
		sum := runWith(t, ctx, f, o)
		if took := time.Since(begin); took < 8*time.Second || took > 9*time.Second {
			t.Errorf("it ended %s after the stop, want 3s", took-5*time.Second)
		}
		if int64(len(f.items)) != sum.LeftBehind() || sum.LeftBehind() != 21 || sum.Unsure == 0 {
			t.Errorf("%d items exist, summary %+v", len(f.items), sum)
		}
		if sum.Statuses[0] != sum.Errors["stopped"] || sum.Failed != 0 {
			t.Errorf("stopped calls count as failed: %+v", sum)
		}
	})
}

func TestRunSurvivesAnOutageOfTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f := newFake(func(context.Context, request) error {
			if at := time.Since(begin); at > 3*time.Second && at < 6*time.Second {
				return refusedConnection()
			}
			return nil
		})
		o := options()
		o.Rate, o.Duration, o.Retries = 20, 10*time.Second, 12
		sum := run(t, f, o)
		if sum.Failed != 0 || sum.LeftBehind() != 0 || len(f.items) != 0 {
			t.Errorf("%d items exist, summary %+v", len(f.items), sum)
		}
		if n := sum.Errors["connect"]; n < 20 || n != sum.Statuses[0] {
			t.Errorf("%d calls without a connection, %d without an answer", n, sum.Statuses[0])
		}
	})
}

func TestItemThatCouldNotBeDeletedIsDeletedAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f := newFake(func(_ context.Context, r request) error {
			if r.what == "delete" && time.Since(begin) < 4*time.Second {
				return answer{500, "internal", nil, 0}.err()
			}
			return nil
		})
		o := options()
		o.Rate, o.Duration, o.Retries = 10, 5*time.Second, 0
		sum := run(t, f, o)
		// What is mended at the end does not count as failed.
		if sum.Errors["internal"] < 10 || sum.Failed != 0 || sum.LeftBehind() != 0 || len(f.items) != 0 {
			t.Errorf("%d items exist, summary %+v", len(f.items), sum)
		}
	})
}

// TestUnfinishedRetriesAreCounted: if the server only fails, the summary must not look
// like success, even if retries were left at the end.
func TestUnfinishedRetriesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(context.Context, request) error { return answer{503, "unavailable", nil, 0}.err() })
		o := options()
		o.Duration, o.Retries = 3*time.Second, 20
		if sum := run(t, f, o); sum.Failed+sum.CutOff == 0 || sum.Created != 0 {
			t.Errorf("summary %+v, want an operation that was cut off", sum)
		}
	})
}

// TestSummaryMatchesTheServer runs against a server with random faults and compares the
// summary with the server's data.
func TestSummaryMatchesTheServer(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			var f *fake
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(seed, 1))
			randomN := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return random.IntN(n)
			}
			f = newFake(func(ctx context.Context, _ request) error {
				if err := pause(ctx, time.Duration(randomN(300))*time.Millisecond); err != nil {
					return err
				}
				switch randomN(12) {
				case 0:
					return refusedConnection()
				case 1:
					return lostAnswerError{cut()}
				case 2:
					return answer{500, "injected", nil, 0}.err()
				case 3:
					return answer{503, "busy", nil, time.Second}.err()
				case 4:
					f.expire()
				}
				return nil
			})
			o := options()
			o.Rate, o.KeepRatio, o.Users, o.Retries, o.Seed = 20, 0.2, 3, 2, seed
			ctx, stop := context.WithCancel(t.Context())
			time.AfterFunc(time.Duration(randomN(20_000))*time.Millisecond, stop)
			sum := runWith(t, ctx, f, o)
			if err := balance(f, sum); err != nil {
				t.Errorf("seed %d: %v; summary %+v", seed, err, sum)
			}
		})
	}
}

// balance compares a summary with the server's data.
func balance(f *fake, sum automate.Summary) error {
	var answered int64
	for _, n := range sum.Statuses {
		answered += n
	}
	there := int64(len(f.items))
	switch {
	case answered != sum.Calls || sum.Calls != int64(len(f.requests)):
		return fmt.Errorf("%d calls were made, %d have a status", len(f.requests), answered)
	case there < sum.Kept, there > sum.Kept+sum.LeftBehind()+sum.Unsure:
		return fmt.Errorf("%d items exist", there)
	case sum.LeftBehind() < 0 || sum.Missing > 0:
		return errors.New("more was deleted than created")
	}
	return nil
}
