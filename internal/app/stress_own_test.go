package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/internal/app"
	"onsale/internal/app/apptest"
	"onsale/internal/crowd"
	"onsale/internal/fault"
)

// TestRunAgainstItself: a load test that the page starts cannot take all connections of its
// own server. It can be stopped while its users hang and other clients hold the remaining
// connections.
func TestRunAgainstItself(t *testing.T) {
	t.Parallel()
	url := apptest.Start(t, func(o *app.Options) {
		o.Faults, o.MaxConnections = &fault.Plan{Routes: map[string]fault.RouteFaults{"/api/items": {Hang: 1}}}, places
		o.Up = &app.Up{Users: 3, Scenario: crowd.Items}
	})
	apptest.Admin(t, url) // waits until it is ready
	runs := url + "/stress/runs"
	status, body := ask(t, http.MethodPost, runs, `{"scenario":"items","users":400}`, apptest.AdminToken)
	if status != http.StatusUnprocessableEntity || !strings.Contains(body, "users must be at most 12") || !strings.Contains(body, "its 20 connections") {
		t.Errorf("400 users: %d %s", status, body)
	}
	status, body = ask(t, http.MethodPost, runs, `{"scenario":"items","users":12,"spawn_rate":1000,"stop_timeout":"500ms"}`, apptest.AdminToken)
	if status != http.StatusCreated {
		t.Fatalf("12 users: %d %s", status, body)
	}
	status, body = ask(t, http.MethodPut, url+"/crowd", `{"users":11}`, apptest.AdminToken)
	if status != http.StatusUnprocessableEntity || !strings.Contains(body, "users must be between 0 and 10") {
		t.Errorf("11 demo users: %d %s", status, body)
	}
	besiege(t, strings.TrimPrefix(url, "http://"), "/openapi.json", holds["never reads"])
	answers(t, url+"/health")
	if status, body = ask(t, http.MethodPatch, runs+"/current", `{"users":13}`, apptest.AdminToken); status != http.StatusUnprocessableEntity {
		t.Errorf("a change to 13 users: %d %s", status, body)
	}
	if status, body = ask(t, http.MethodDelete, runs+"/current", "", apptest.AdminToken); status != http.StatusAccepted {
		t.Errorf("stop: %d %s", status, body)
	}
	for began := time.Now(); ; wait(t.Context(), 50*time.Millisecond) {
		if _, body = ask(t, http.MethodGet, url+"/stress", "", apptest.AdminToken); strings.Contains(body, `"running":false`) {
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("the run has not ended within 10 s: %s", body)
		}
	}
}
