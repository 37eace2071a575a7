package session_test

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onsale/internal/field"
	"onsale/internal/stress/control"
	"onsale/internal/stress/result"
	"onsale/internal/stress/session"
)

// newDesk returns a desk, which is closed at the end of the test.
func newDesk(t *testing.T, o session.DeskOptions) *session.Desk {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	d := session.NewDesk(o)
	t.Cleanup(func() {
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return d
}

// starts begins a run and stops it again, and returns its settings. With a field, it
// wants an error that names it and has the text.
func starts(t *testing.T, d *session.Desk, s result.Settings, name, text string) result.Settings {
	t.Helper()
	s.Scenario = "items"
	_, err := d.Start(t.Context(), s)
	if broken, ok := errors.AsType[*field.Error](err); name != "" {
		if !ok || broken.Field != name || !strings.Contains(broken.Rule, text) {
			t.Errorf("%+v: %v, want %s to break a rule with %q", s, err, name, text)
		}
		return result.Settings{}
	}
	if err != nil {
		t.Errorf("%+v: %v", s, err)
		return result.Settings{}
	}
	live := d.Live()
	if live.Now.Left <= 0 || live.Now.Left > time.Hour {
		t.Errorf("%+v: %s are left", s, live.Now.Left)
	}
	ends(t, d, 10*time.Second)
	return live.Report.Settings
}

// ends stops the run, which must be over in time.
func ends(t *testing.T, d *session.Desk, limit time.Duration) {
	t.Helper()
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for began := time.Now(); d.Live().Running; <-look.C {
		if time.Since(began) > limit {
			t.Fatalf("the run has not ended within %s", limit)
		}
	}
}

// TestRunsOfTheDeskEnd: nobody may be there any more to stop them.
func TestRunsOfTheDeskEnd(t *testing.T) {
	t.Parallel()
	d := newDesk(t, session.DeskOptions{Host: itemsAPI(t)})
	for _, c := range []struct {
		settings    result.Settings
		field, text string
		runTime     string
	}{
		{result.Settings{Users: 2}, "", "", "10m0s"},
		{result.Settings{Rate: 5}, "", "", "10m0s"},
		{result.Settings{Users: 2, RunTime: "1h"}, "", "", "1h"},
		{result.Settings{Users: 2, RunTime: "1h1s"}, "run_time", "at most 1h", ""},
		{result.Settings{Rate: 5, RunTime: "720h"}, "run_time", "at most 1h", ""},
		{result.Settings{Users: 2, RunTime: "0s"}, "run_time", "must be between", ""},
		{result.Settings{Users: 2, WarmUp: "11m"}, "warm_up", "must be shorter", ""},
		{result.Settings{Shape: "ramp 1:2:30m"}, "", "", ""},
		{result.Settings{Shape: "ramp 1:2:61m"}, "run_time", "at most 1h", ""},
		{result.Settings{Shape: "ramp 1:2:61m", RunTime: "5m"}, "", "", "5m"},
		{result.Settings{Shape: "stages 40m:1/s,40m:2/s"}, "run_time", "at most 1h", ""},
		{result.Settings{Users: 10_001}, "users", "at most 10000", ""},
		{result.Settings{Rate: 5, MaxInFlight: 10_001}, "max_in_flight", "at most 10000", ""},
		{result.Settings{Users: 2, StopTimeout: "30s"}, "", "", "10m0s"},
		{result.Settings{Users: 2, StopTimeout: "31s"}, "stop_timeout", "between 0s and 30s", ""},
	} {
		if got := starts(t, d, c.settings, c.field, c.text); got.RunTime != c.runTime {
			t.Errorf("%+v: run_time %q, want %q", c.settings, got.RunTime, c.runTime)
		}
	}
}

// TestRunsAgainstTheDesksOwnProcess leave connections to others, by whatever name
// the process is called.
func TestRunsAgainstTheDesksOwnProcess(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewUnstartedServer(http.HandlerFunc(answerItems))
	_ = api.Listener.Close()
	api.Listener = listener
	api.Start()
	t.Cleanup(api.Close)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	own := "http://127.0.0.1:" + port
	crowd := 5
	d := newDesk(t, session.DeskOptions{Host: own, Own: session.Own{
		Addr: listener.Addr(), MaxConnections: 20, Taken: func() int { return crowd },
	}})
	const limit = "at most 10 in a run against this very server: of its 20 connections (--max-connections)"
	for _, host := range []string{"", own, own + "/", "127.0.0.1:" + port, "http://localhost:" + port, "http://LOCALHOST:" + port, "http://[::ffff:127.0.0.1]:" + port} {
		starts(t, d, result.Settings{Host: host, Users: 11}, "users", limit)
	}
	for _, c := range []struct {
		settings    result.Settings
		field, text string
		maxInFlight int
	}{
		{result.Settings{Users: 400}, "users", limit, 0},
		{result.Settings{Users: 10}, "", "", 0},
		{result.Settings{Shape: "spike 1:11:1s:1s"}, "users", limit, 0},
		{result.Settings{Rate: 1000, MaxInFlight: 11}, "max_in_flight", limit, 0},
		{result.Settings{Rate: 1000, MaxInFlight: 10}, "", "", 10},
		{result.Settings{Rate: 1000}, "", "", 10},
		{result.Settings{Shape: "ramp 1/s:9/s:10s"}, "", "", 10},
	} {
		if got := starts(t, d, c.settings, c.field, c.text); got.MaxInFlight != c.maxInFlight {
			t.Errorf("%+v: max_in_flight %d, want %d", c.settings, got.MaxInFlight, c.maxInFlight)
		}
	}
	if _, err := d.Start(t.Context(), result.Settings{Scenario: "items", Users: 1}); err != nil {
		t.Fatal(err)
	}
	for users, allowed := range map[int]bool{10: true, 11: false, 100_000: false} {
		err := d.Change(control.Change{Users: &users})
		if broken, ok := errors.AsType[*field.Error](err); ok == allowed || ok && broken.Field != "users" {
			t.Errorf("a change to %d users: %v", users, err)
		}
	}
	ends(t, d, 10*time.Second)
	crowd = 20
	starts(t, d, result.Settings{Users: 1}, "users", "none is left")
	// Another server has connections of its own.
	starts(t, d, result.Settings{Host: itemsAPI(t), Users: 30, SpawnRate: 1000}, "", "")
}

// TestRunsWhoseUsersHang end all the same once they are stopped.
func TestRunsWhoseUsersHang(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var hanging http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/token" {
			<-release
		}
		answerItems(w, r)
	}
	api := httptest.NewServer(hanging)
	t.Cleanup(api.Close)
	t.Cleanup(func() { close(release) })
	d := newDesk(t, session.DeskOptions{Host: api.URL})
	if _, err := d.Start(t.Context(), result.Settings{Scenario: "items", Users: 20, SpawnRate: 1000, StopTimeout: "100ms"}); err != nil {
		t.Fatal(err)
	}
	ends(t, d, 10*time.Second)
}
