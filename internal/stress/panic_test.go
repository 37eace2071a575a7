package stress_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// clumsy returns a kind of users whose every second task panics after a request.
func clumsy(wait stress.Wait, value func() any) stress.Kind {
	return stress.Kind{Name: "clumsy", Weight: 1, Wait: wait, Join: func(u *stress.User) stress.Part {
		call, tasks := &stress.Call{Request: wire.Request{Method: "GET", Path: "/"}}, 0
		return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) {
			u.Do(ctx, call)
			if tasks++; tasks%2 == 0 {
				time.Sleep(time.Millisecond)
				panic(value())
			}
		}}}}
	}}
}

// TestATaskThatPanicsIsAFailure: a panic is a separate failure, logged once. Its user
// and all others continue.
func TestATaskThatPanicsIsAFailure(t *testing.T) {
	t.Parallel()
	for _, load := range []stress.Load{users(2), rate(2)} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			target := takes(10 * time.Millisecond)
			o := options(load, 9900*time.Millisecond, target, clumsy(stress.Pacing(time.Second), func() any {
				return fmt.Sprintf("no page at %p", new(int))
			}))
			o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
			s, _ := play(t, o)
			if s.Total.Requests != 30 || s.Total.Failures != 10 || len(s.Failures) != 1 || target.open.Load() != 0 {
				t.Fatalf("%d requests, %d failures, %d connections are open: %+v", s.Total.Requests, s.Total.Failures, target.open.Load(), s.Failures)
			}
			if made := target.made.Load(); made != 10 {
				t.Errorf("%d connections, want another one after each panic", made)
			}
			f := s.Failures[0]
			if f.Kind != stats.KindTask || f.Name != "clumsy" || f.Method != "" || f.Detail != "panic: no page at 0x…" {
				t.Errorf("%+v", f)
			}
			if e := s.Entries[len(s.Entries)-1]; e.Name != "clumsy" || time.Duration(e.Response.Max).Round(time.Millisecond) != 11*time.Millisecond {
				t.Errorf("%s took %v, want the age of the task", e.Name, time.Duration(e.Response.Max))
			}
			if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "panic_test.go") ||
				!strings.Contains(log.String(), `"msg":"a task panicked"`) {
				t.Errorf("%d lines were logged: %s", lines, log.String())
			}
		})
	}
}

// TestPanickingUsersPauseForASecond: without a wait, they would panic all the time.
func TestPanickingUsersPauseForASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kind := once(func(context.Context, *stress.User) { panic("no") })
		kind.Wait = nil
		if s, _ := play(t, options(users(1), 9900*time.Millisecond, takes(0), kind)); s.Total.Failures != 10 {
			t.Errorf("%d failures in 10 s", s.Total.Failures)
		}
	})
}

// TestOtherPartsOfAScenarioMayPanic: a user can panic while it joins, starts or stops.
func TestOtherPartsOfAScenarioMayPanic(t *testing.T) {
	t.Parallel()
	no := func() { panic(errors.New("no\nmore")) }
	for name, c := range map[string]struct {
		join  func(part stress.Part) stress.Part
		count int64
	}{
		"Join": {func(stress.Part) stress.Part { no(); return stress.Part{} }, 1},
		// It fails to start, and tries again each second.
		"Start": {func(p stress.Part) stress.Part { p.Start = func(context.Context) error { no(); return nil }; return p }, 10},
		"Stop":  {func(p stress.Part) stress.Part { p.Stop = func(context.Context) { no() }; return p }, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			kind := get(stress.Constant(time.Second))
			join := kind.Join
			kind.Join = func(u *stress.User) stress.Part { return c.join(join(u)) }
			s, _ := play(t, options(users(1), 9500*time.Millisecond, takes(0), kind))
			if s.Total.Failures != c.count || len(s.Failures) != 1 || s.Failures[0].Detail != "panic: no" {
				t.Errorf("%s: %+v", name, s.Failures)
			}
		})
	}
}

// TestUnmeasuredUsersMayPanic: users without statistics and connections, like
// the demo users, can panic.
func TestUnmeasuredUsersMayPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := 0
		o := options(users(1), 9900*time.Millisecond, takes(0), once(func(context.Context, *stress.User) {
			tasks++
			panic(strings.Repeat("é", 1000))
		}))
		o.Scenario.Kinds[0].Wait = stress.Constant(time.Second)
		o.Connect, o.Unwatched, o.Stats = nil, true, stats.New(stats.Options{Off: true})
		var log bytes.Buffer
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		play(t, o)
		if tasks != 10 || strings.Count(log.String(), "é") != 100 {
			t.Errorf("%d tasks in 10 s, logged %s", tasks, log.String())
		}
	})
}
