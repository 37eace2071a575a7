package session_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/field"
	"onsale/internal/stress"
	"onsale/internal/stress/result"
	"onsale/internal/stress/session"
	"onsale/internal/stress/wire"
)

// target answers everything with 200 and counts the requests.
func target(tb testing.TB) (*wire.Target, *atomic.Int64) {
	tb.Helper()
	asked := new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	tb.Cleanup(s.Close)
	parsed, err := wire.ParseTarget(s.URL)
	if err != nil {
		tb.Fatal(err)
	}
	return parsed, asked
}

// gets returns a scenario of one request, with a wait.
func gets(wait time.Duration) *stress.Scenario {
	return &stress.Scenario{Name: "gets", Kinds: []stress.Kind{{Weight: 1, Wait: stress.Constant(wait), Join: func(u *stress.User) stress.Part {
		call := stress.Call{Request: wire.Request{Method: http.MethodGet, Path: "/"}}
		return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) { u.Do(ctx, &call) }}}}
	}}}}
}

func options(to *wire.Target, s result.Settings) session.Options {
	return session.Options{
		Settings: s, Source: session.Source{Scenario: gets(20 * time.Millisecond)}, Target: to, Program: "test",
		Logger: slog.New(slog.DiscardHandler),
	}
}

func TestInvalidSettings(t *testing.T) {
	t.Parallel()
	to, asked := target(t)
	for _, bad := range []struct {
		settings result.Settings
		want     string
	}{
		{result.Settings{Users: -1}, "users must be"},
		{result.Settings{Users: stress.MaxUsers + 1}, "users must be"},
		{result.Settings{Rate: -1}, "rate must be"},
		{result.Settings{Rate: 1e9}, "rate must be"},
		{result.Settings{Open: true}, "rate must be given"},
		{result.Settings{Users: 1, Rate: 1}, "users must not be given together"},
		{result.Settings{SpawnRate: -1}, "spawn_rate must be"},
		{result.Settings{Rate: 1, MaxInFlight: -1}, "max_in_flight must be"},
		{result.Settings{Rate: 1, Arrivals: "random"}, "arrivals must be constant or poisson"},
		{result.Settings{Shape: "wave 1:2"}, "shape must begin with"},
		{result.Settings{Shape: "stages 30s"}, "stages cannot be used"},
		{result.Settings{Shape: "ramp 1:2:10s", Users: 5}, "ramp sets the load"},
		{result.Settings{Shape: "stages 1s:200000"}, "stages"},
		{result.Settings{RunTime: "soon"}, "run_time must be a time"},
		{result.Settings{RunTime: "1ms"}, "run_time must be between"},
		{result.Settings{Timeout: "2h"}, "timeout must be between"},
		{result.Settings{StopTimeout: "-1s"}, "stop_timeout must be"},
		{result.Settings{WarmUp: "10s", RunTime: "10s"}, "warm_up must be shorter than the run time"},
		{result.Settings{Users: 10, SpawnRate: 1e-9}, "spawn_rate"},
		{result.Settings{Worker: "4/4"}, "worker must be between 0/4 and 3/4"},
		{result.Settings{Worker: "1-4"}, "worker must look like"},
		{result.Settings{FailIf: []string{"p95"}}, "fail_if cannot be used"},
	} {
		_, err := session.New(options(to, bad.settings))
		if broken, ok := errors.AsType[*field.Error](err); !ok || !strings.Contains(broken.Error(), bad.want) {
			t.Errorf("%+v: %v, want %s", bad.settings, err, bad.want)
		}
	}
	if asked.Load() > 0 {
		t.Errorf("%d requests were sent", asked.Load())
	}
}

func TestQuestionsAndWarnings(t *testing.T) {
	t.Parallel()
	near, _ := target(t)
	far, err := wire.ParseTarget("https://shop.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to       *wire.Target
		settings result.Settings
		asks     string
	}{
		{near, result.Settings{Users: 5000}, ""},
		{far, result.Settings{Users: 1000}, ""},
		{far, result.Settings{Users: 1001}, "1001 users on https://shop.example.com"},
		{far, result.Settings{Rate: 5000}, ""},
		{far, result.Settings{Rate: 5001}, "5001/s on"},
		{far, result.Settings{Shape: "stages 1m:2000,1m:0"}, "2000 users"},
		{far, result.Settings{Users: 4000, Worker: "0/8"}, "4000 users"}, // all workers together
	} {
		s, err := session.New(options(c.to, c.settings))
		if err != nil {
			t.Fatal(err)
		}
		if q := s.Question(nil); (q == "") != (c.asks == "") || !strings.Contains(q, c.asks) {
			t.Errorf("%+v: %q, want %q", c.settings, q, c.asks)
		}
	}
	for _, c := range []struct {
		to     *wire.Target
		search session.Search
		asks   bool
	}{
		{near, session.Search{}, false},
		{far, session.Search{}, false}, // the default limit needs no confirmation
		{far, session.Search{Max: 1000}, false},
		{far, session.Search{Max: 1001}, true},
	} {
		s, err := session.New(options(c.to, result.Settings{}))
		if err != nil {
			t.Fatal(err)
		}
		if q := s.Question(&c.search); (q != "") != c.asks {
			t.Errorf("%+v: %q", c.search, q)
		}
	}
	slow, err := session.New(options(near, result.Settings{Users: 100, SpawnRate: 1, RunTime: "10s"}))
	if err != nil {
		t.Fatal(err)
	}
	if w := slow.Warnings(); len(w) != 1 || !strings.Contains(w[0], "--spawn-rate") {
		t.Errorf("%q", w)
	}
}

// TestWarmUpIsNotCounted: the warm-up of a run is not counted.
func TestWarmUpIsNotCounted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*session.Options){
		"warm-up":     func(o *session.Options) { o.Settings.WarmUp = "1500ms" },
		"reset-stats": func(o *session.Options) { o.Settings.ResetStats = true; o.Settings.SpawnRate = 5 },
		"nothing":     func(*session.Options) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to, asked := target(t)
			o := options(to, result.Settings{Users: 10, SpawnRate: 1000, RunTime: "5s", FailIf: []string{"failures>0"}})
			change(&o)
			s, err := session.New(o)
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.Run(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			// Ten users at a spawn rate of 5 a second all run after 1.8 s.
			want := map[string]float64{"warm-up": 3.5, "reset-stats": 3.2, "nothing": 5}[name]
			if got := r.Stats.Duration; got < want-0.4 || got > want+0.1 {
				t.Errorf("%.2f s counted, want %.1f", got, want)
			}
			left := float64(r.Stats.Total.Requests) / float64(asked.Load())
			if whole := name == "nothing"; whole && left != 1 || !whole && left > 0.9 {
				t.Errorf("%.2f of %d requests counted", left, asked.Load())
			}
			if got := r.Stats.Total.Rate; got < 100 || got > 550 {
				t.Errorf("%.0f requests a second of 10 users who wait 20 ms", got)
			}
			if r.End != "run time over" || r.ID == "" || r.Program != "test" || r.Settings.Seed == 0 || len(r.Verdict.Checks) != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestChangeAndStop changes the load of a run, and stops it.
func TestChangeAndStop(t *testing.T) {
	t.Parallel()
	to, _ := target(t)
	s, err := session.New(options(to, result.Settings{Users: 2, SpawnRate: 1000, FailIf: []string{"none"}}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Change(5, 0); err == nil {
		t.Error("a run was changed before its start")
	}
	looks := 0
	r, err := s.Run(t.Context(), func(_ result.Run, now result.Now) {
		switch looks++; looks {
		case 1:
			if _, ok := errors.AsType[*field.Error](s.Change(-1, 0)); !ok {
				t.Error("a change to -1 users was accepted")
			}
			if err := s.Change(7, 0); err != nil {
				t.Error(err)
			}
		case 3:
			if now.Users != 7 {
				t.Errorf("%d users, want 7", now.Users)
			}
			s.Stop()
			s.Stop()
		}
	})
	if err != nil || r.End != "stopped" || r.Ended.IsZero() {
		t.Errorf("%v, ended by %q at %s", err, r.End, r.Ended)
	}
	if err := s.Change(5, 0); err == nil {
		t.Error("a run was changed after its end")
	}
}

// TestChangeIsOfAllWorkers: one of four workers gets its share of a change, like its
// share of the settings.
func TestChangeIsOfAllWorkers(t *testing.T) {
	t.Parallel()
	to, _ := target(t)
	s, err := session.New(options(to, result.Settings{Users: 8, SpawnRate: 1000, Worker: "1/4"}))
	if err != nil {
		t.Fatal(err)
	}
	looks := 0
	_, err = s.Run(t.Context(), func(_ result.Run, now result.Now) {
		switch looks++; looks {
		case 1:
			if now.Users != 2 {
				t.Errorf("%d users, want 2", now.Users)
			}
			if err := s.Change(20, 0); err != nil {
				t.Error(err)
			}
		case 3:
			if now.Users != 5 {
				t.Errorf("%d users, want 5", now.Users)
			}
			s.Stop()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInvalidSearches(t *testing.T) {
	t.Parallel()
	to, _ := target(t)
	for _, bad := range []struct {
		settings result.Settings
		search   session.Search
		want     string
	}{
		{result.Settings{}, session.Search{}, "step_time must be"},
		{result.Settings{}, session.Search{StepTime: 10 * time.Second, Start: -1}, "start_load must be"},
		{result.Settings{}, session.Search{StepTime: 10 * time.Second, Start: 20, Max: 10}, "start_load must be"},
		{result.Settings{}, session.Search{StepTime: 10 * time.Second, Max: 1e9}, "max_load must be"},
		{result.Settings{}, session.Search{StepTime: 10 * time.Second, Start: 1.5}, "start_load and max_load must be whole"},
		{result.Settings{Shape: "ramp 1:2:3s"}, session.Search{StepTime: 10 * time.Second}, "find_capacity must not"},
		{result.Settings{Rate: 1}, session.Search{StepTime: 10 * time.Second, Start: 1.5}, ""},
		{result.Settings{}, session.Search{StepTime: time.Second}, ""},
	} {
		s, err := session.New(options(to, bad.settings))
		if err != nil {
			t.Fatal(err)
		}
		err = s.CheckSearch(bad.search)
		if _, ok := errors.AsType[*field.Error](err); ok != (bad.want != "") || err != nil && !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: %v, want %s", bad.search, err, bad.want)
		}
	}
}

// TestSearchThatIsStopped: a stopped search does not pass, because nothing is known.
func TestSearchThatIsStopped(t *testing.T) {
	t.Parallel()
	to, _ := target(t)
	s, err := session.New(options(to, result.Settings{Rate: 50}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.FindCapacity(t.Context(), session.Search{StepTime: 30 * time.Second, Max: 100}, func(result.Run, result.Now) {
		if _, ok := errors.AsType[*field.Error](s.Change(20, 0)); !ok {
			t.Error("a step of the search was changed")
		}
		s.Stop()
	})
	if err != nil || r.Verdict.Code == result.Passed || r.End != "stopped" || r.Capacity == nil {
		t.Errorf("%v, %+v, ended: %s", err, r.Verdict, r.End)
	}
}

// TestStoppedBeforeItBegan: a run that is stopped before it begins sends nothing, and
// fails.
func TestStoppedBeforeItBegan(t *testing.T) {
	t.Parallel()
	to, asked := target(t)
	s, err := session.New(options(to, result.Settings{Users: 2}))
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	r, err := s.Run(t.Context(), nil)
	if err != nil || asked.Load() > 0 || r.Verdict.Code != result.Failed || r.End != "stopped" {
		t.Errorf("%v, %d requests, %+v", err, asked.Load(), r.Verdict)
	}
}
