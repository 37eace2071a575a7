package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestGrafanasDataSource makes the calls of a Prometheus data source of Grafana. Reading needs
// no token, even if an admin token is set.
func TestGrafanasDataSource(t *testing.T) {
	t.Parallel()
	token := []string{"ONSALE_ADMIN_TOKEN=" + adminOfTests}
	up := launch(t, token, "up", "--listen", "127.0.0.1:0", "--crowd", "0", dataDir(t))
	monitor := launch(t, token, "monitor", "--listen", "127.0.0.1:0", "--pace", "demo", "--target", up.url(), dataDir(t))
	for name, p := range map[string]*process{"up": up, "monitor": monitor} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := watch(t, awaitAlerting(t, p))
			awaitUp(t, w, "1")
			grafanaAsks(t, w)
			onlyAdminsWrite(t, w)
		})
	}
}

// grafanaAsks makes the calls of the data source.
func grafanaAsks(t *testing.T, w *watcher) {
	t.Helper()
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct{ method, path, form, want string }{
		{http.MethodPost, "query", "query=1%2B1&time=1700000000", `[1700000000,"2"]`},
		{http.MethodPost, "query", "query=up", `"job":"ticket_system"`},
		{http.MethodPost, "query_range", "query=up&start=1700000000&end=4000000000&step=1000000", `"resultType":"matrix"`},
		{http.MethodGet, "query?query=up", "", `"job":"ticket_system"`},
		{http.MethodPost, "labels", "match[]=up", `"instance"`},
		{http.MethodPost, "series", "match[]=up", `"__name__":"up"`},
		{http.MethodPost, "query_exemplars", "query=onsale_request_duration_seconds_bucket&start=1700000000&end=4000000000", ""},
		{http.MethodPost, "format_query", "query=sum(up)by(job)", `sum by (job) (up)`},
		{http.MethodGet, "label/__name__/values", "", `"request_duration_seconds_bucket"`},
		{http.MethodGet, "label/job/values?match[]=up", "", `["ticket_system"]`},
		{http.MethodGet, "status/buildinfo", "", `"version":"3.`},
		{http.MethodGet, "status/config", "", `job_name: ticket_system`},
		{http.MethodGet, "status/flags", "", ""},
		{http.MethodGet, "metadata", "", `"http_requests_total"`},
		{http.MethodGet, "metadata?metric=http_requests_total", "", `"type":"counter"`},
		{http.MethodGet, "rules", "", `"name":"HighFailureRate"`},
		{http.MethodGet, "rules?type=alert", "", `"name":"InstanceDown"`},
		{http.MethodGet, "alerts", "", `"alerts":`},
		{http.MethodGet, "alertmanagers", "", w.base + "/api/v2/alerts"},
		{http.MethodGet, "targets", "", `"health":"up"`},
	} {
		kind := "application/json"
		if c.form != "" {
			kind = form
		}
		status, body := call(t.Context(), w.client, c.method, w.base+"/api/v1/"+c.path, c.form, "Content-Type", kind)
		if status != http.StatusOK || !strings.Contains(string(body), `"status":"success"`) || !strings.Contains(string(body), c.want) {
			t.Errorf("%s %s %s: %d %s, want success and %s", c.method, c.path, c.form, status, tail(string(body)), c.want)
		}
	}
}

// onlyAdminsWrite checks that calls that change the alerting fail without the token and
// succeed with it.
func onlyAdminsWrite(t *testing.T, w *watcher) {
	t.Helper()
	const silence = `{"matchers":[{"name":"alertname","value":"Always","isRegex":false}],"comment":"Known.","createdBy":"Grafana",` +
		`"startsAt":"2026-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z"}`
	silences := w.base + "/api/v2/silences"
	for name, header := range map[string][]string{"none": nil, "another": {"Authorization", "Bearer another"}} {
		if status, body := call(t.Context(), w.client, http.MethodPost, silences, silence, header...); status != http.StatusUnauthorized {
			t.Errorf("POST %s with the token %s: %d %s", silences, name, status, body)
		}
	}
	if status, body := call(t.Context(), w.client, http.MethodPost, w.base+"/api/v2/alerts", `[]`); status != http.StatusUnauthorized {
		t.Errorf("POST alerts without a token: %d %s", status, body)
	}
	if status, body := call(t.Context(), w.client, http.MethodGet, silences, ""); status != http.StatusOK || strings.TrimSpace(string(body)) != "[]" {
		t.Errorf("GET %s: %d %s", silences, status, body)
	}
	admin := []string{"Authorization", "Bearer " + adminOfTests}
	status, body := call(t.Context(), w.client, http.MethodPost, silences, silence, admin...)
	var made struct{ SilenceID string }
	if err := json.Unmarshal(body, &made); err != nil || status != http.StatusOK {
		t.Fatalf("POST %s with the token: %d %s", silences, status, body)
	}
	one := w.base + "/api/v2/silence/" + made.SilenceID
	if status, body := call(t.Context(), w.client, http.MethodDelete, one, ""); status != http.StatusUnauthorized {
		t.Errorf("DELETE of a silence without a token: %d %s", status, body)
	}
	if status, body := call(t.Context(), w.client, http.MethodDelete, one, "", admin...); status != http.StatusOK {
		t.Errorf("DELETE of a silence with the token: %d %s", status, body)
	}
}
