package session_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"onsale/internal/field"
	"onsale/internal/stress/control"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
	"onsale/internal/stress/session"
)

// itemsAPI gives tokens, which is all that the items scenario asks for before it begins.
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

func TestDeskRefuses(t *testing.T) {
	t.Parallel()
	own := itemsAPI(t)
	d := session.NewDesk(session.DeskOptions{Host: own, Logger: slog.New(slog.DiscardHandler)})
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
	// It is no ticket API.
	if _, err := d.Start(t.Context(), result.Settings{Scenario: "tickets"}); err == nil {
		t.Error("tickets are bought where there are none")
	}
	if err := d.Stop(); !errors.Is(err, control.ErrIdle) {
		t.Errorf("stop: %v", err)
	}
	if err := d.Change(control.Change{}); !errors.Is(err, control.ErrIdle) {
		t.Errorf("change: %v", err)
	}
	if live := d.Live(); live.Running || live.ID != "" {
		t.Errorf("%+v", live)
	}
}

// TestDeskRunsOneAtATime starts a run, is asked for another, and is closed.
func TestDeskRunsOneAtATime(t *testing.T) {
	t.Parallel()
	store := history.New(t.TempDir())
	d := session.NewDesk(session.DeskOptions{Host: itemsAPI(t), Store: store, Logger: slog.New(slog.DiscardHandler)})
	settings := result.Settings{Scenario: "items", Users: 2, SpawnRate: 100}
	id, err := d.Start(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Start(t.Context(), settings); !errors.Is(err, control.ErrRunning) {
		t.Errorf("a second one: %v", err)
	}
	users := 3 // at once
	if err := d.Change(control.Change{Users: &users}); err != nil {
		t.Errorf("change: %v", err)
	}
	rate := 5.0
	if _, ok := errors.AsType[*field.Error](d.Change(control.Change{Rate: &rate})); !ok {
		t.Error("users have a rate")
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
	if _, err := d.Start(t.Context(), settings); !errors.Is(err, control.ErrRunning) {
		t.Errorf("after the end: %v", err)
	}
}
