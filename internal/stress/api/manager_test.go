package api_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"onsale/internal/field"
	"onsale/internal/stress/api"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
)

// itemsAPI serves the items API, as far as the items scenario needs it.
func itemsAPI(tb testing.TB) string {
	tb.Helper()
	s := httptest.NewServer(http.HandlerFunc(answerItems))
	tb.Cleanup(s.Close)
	return s.URL
}

func answerItems(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/api/token":
		_, _ = w.Write([]byte(`{"token":"t"}`))
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"status":"item created","item_id":"1"}`))
	default:
		_, _ = w.Write([]byte(`{"status":"item deleted"}`))
	}
}

func TestManagerRejectsSettings(t *testing.T) {
	t.Parallel()
	own := itemsAPI(t)
	d := api.NewManager(api.ManagerOptions{Host: own, Logger: slog.New(slog.DiscardHandler)})
	for name, settings := range map[string]result.Settings{
		"host":     {Scenario: "items", Host: "http://192.0.2.1"},
		"scenario": {Scenario: "/etc/passwd"},
		"users":    {Scenario: "items", Users: -1},
	} {
		_, err := d.Start(t.Context(), settings)
		if broken, ok := errors.AsType[*field.Error](err); !ok || broken.Field != name {
			t.Errorf("%+v: %v", settings, err)
		}
	}
	// The host is not a ticket API.
	if _, err := d.Start(t.Context(), result.Settings{Scenario: "tickets"}); err == nil {
		t.Error("the tickets scenario started against the items API")
	}
	if err := d.Stop(); !errors.Is(err, api.ErrIdle) {
		t.Errorf("stop: %v", err)
	}
	if err := d.Change(api.Change{}); !errors.Is(err, api.ErrIdle) {
		t.Errorf("change: %v", err)
	}
	if live := d.Live(); live.Running || live.ID != "" {
		t.Errorf("%+v", live)
	}
}

// TestManagerRunsOneAtATime: while a run is under way, and after Close, no other run
// starts.
func TestManagerRunsOneAtATime(t *testing.T) {
	t.Parallel()
	store := history.New(t.TempDir())
	d := api.NewManager(api.ManagerOptions{Host: itemsAPI(t), Store: store, Logger: slog.New(slog.DiscardHandler)})
	settings := result.Settings{Scenario: "items", Users: 2, SpawnRate: 100}
	id, err := d.Start(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Start(t.Context(), settings); !errors.Is(err, api.ErrRunning) {
		t.Errorf("a second run: %v", err)
	}
	users := 3 // at once
	if err := d.Change(api.Change{Users: &users}); err != nil {
		t.Errorf("change: %v", err)
	}
	rate := 5.0
	if _, ok := errors.AsType[*field.Error](d.Change(api.Change{Rate: &rate})); !ok {
		t.Error("a run of users accepted a rate")
	}
	if live := d.Live(); !live.Running || live.ID != id {
		t.Errorf("%+v", live)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if live := d.Live(); live.Running || live.ID != id {
		t.Errorf("%+v", live)
	}
	if r, err := d.Run(id); err != nil || r.ID != id || r.End != "stopped" {
		t.Errorf("%v %+v", err, r)
	}
	if _, err := d.Start(t.Context(), settings); !errors.Is(err, api.ErrRunning) {
		t.Errorf("after Close: %v", err)
	}
}
