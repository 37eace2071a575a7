package api_test

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
	"onsale/internal/stress/api"
	"onsale/internal/stress/result"
)

// newManager returns a manager that is closed at the end of the test.
func newManager(t *testing.T, o api.ManagerOptions) *api.Manager {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	d := api.NewManager(o)
	t.Cleanup(func() {
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return d
}

// starts runs settings for a moment and returns the settings of the run. With the name of a field,
// it wants an error that names the field and contains the text.
func starts(t *testing.T, d *api.Manager, s result.Settings, name, text string) result.Settings {
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
func ends(t *testing.T, d *api.Manager, limit time.Duration) {
	t.Helper()
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for began := time.Now(); d.Live().Running; <-poll.C {
		if time.Since(began) > limit {
			t.Fatalf("the run has not ended within %s", limit)
		}
	}
}

// TestRunsStartedOverHTTPEnd: runs end although nobody stops them.
func TestRunsStartedOverHTTPEnd(t *testing.T) {
	t.Parallel()
	d := newManager(t, api.ManagerOptions{Host: itemsAPI(t)})
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

// TestRunsAgainstOwnProcessLeaveConnections: a run against this process leaves
// connections to other clients, under any name of the process.
func TestRunsAgainstOwnProcessLeaveConnections(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(answerItems))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	own := "http://127.0.0.1:" + port
	crowd := 5
	d := newManager(t, api.ManagerOptions{Host: own, Own: api.Own{
		Addr: listener.Addr(), MaxConnections: 20, Taken: func() int { return crowd },
	}})
	const limit = "at most 10 in a run against this server: of its 20 connections (--max-connections)"
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
		err := d.Change(api.Change{Users: &users})
		if broken, ok := errors.AsType[*field.Error](err); ok == allowed || ok && broken.Field != "users" {
			t.Errorf("a change to %d users: %v", users, err)
		}
	}
	ends(t, d, 10*time.Second)
	crowd = 20
	starts(t, d, result.Settings{Users: 1}, "users", "so none is left")
	// The limits do not apply to another server.
	starts(t, d, result.Settings{Host: itemsAPI(t), Users: 30, SpawnRate: 1000}, "", "")
}

// TestRunsWhoseUsersHang: runs end once they are stopped, although all users hang.
func TestRunsWhoseUsersHang(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var hanging http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/token" {
			<-release
		}
		answerItems(w, r)
	}
	server := httptest.NewServer(hanging)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	d := newManager(t, api.ManagerOptions{Host: server.URL})
	if _, err := d.Start(t.Context(), result.Settings{Scenario: "items", Users: 20, SpawnRate: 1000, StopTimeout: "100ms"}); err != nil {
		t.Fatal(err)
	}
	ends(t, d, 10*time.Second)
}
