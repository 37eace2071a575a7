package catalog_test

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/app/apptest"
	"onsale/internal/catalog"
	"onsale/internal/client"
	"onsale/internal/fault"
)

// TestFirstFailureIsSeen causes the first failure of each kind on a real server and
// checks that the alerts' expressions see it. A counter that appears with its first
// failure has no rate. The last case is the negative control: it shows such a
// failure.
func TestFirstFailureIsSeen(t *testing.T) {
	t.Parallel()
	var failures, serverErrors string
	for _, a := range realAlerts() {
		if a.Name == "HighFailureRate" {
			failures, _, _ = strings.Cut(a.Expr, "\n  /\n")
		}
	}
	for _, o := range catalog.SLOs(catalog.DefaultSettings(), catalog.Real()) {
		if o.Name == "availability" {
			serverErrors = o.Errors
		}
	}
	url := apptest.Serve(t, fault.Off())
	apptest.Connect(t, url, client.Options{})
	if n := len(scrapeRequests(t, url)); n > 30 {
		t.Errorf("%d series of requests before the first call, want at most 30", n)
	}
	admin := apptest.Admin(t, url)
	failing := fault.Plan{Routes: map[string]fault.RouteFaults{
		"/concerts": {Error: 1}, "/buy/{concert_id}": {Error: 1}, "/api/items": {Error: 1},
	}}
	order := func(email string) string { return fmt.Sprintf(`{"user_email":%q,"quantity":1}`, email) }
	for _, kind := range []struct {
		name, method, path, body string
		plan                     fault.Plan
		status                   int
		unseen                   bool
	}{
		{name: "injected error of a first purchase", method: "POST", path: "/buy/1", body: order("a@b.cd"), plan: failing, status: 500},
		{name: "unknown concert", method: "POST", path: "/buy/1", body: order("a@b.cd"), status: 404},
		{name: "invalid e-mail address", method: "POST", path: "/buy_random_deny/1", body: order("a"), status: 422},
		{name: "malformed order for a route in use", method: "POST", path: "/buy/1", body: `{`, status: 400},
		{name: "injected error of a first list", method: "GET", path: "/concerts", plan: failing, status: 500},
		{name: "invalid parameter for a route in use", method: "GET", path: "/concerts?limit=x", status: 422},
		{name: "unknown path", method: "GET", path: "/nothing", status: 404},
		{name: "first call of a route", method: "GET", path: "/concerts/0", status: 422, unseen: true},
		{name: "failure of a route in use", method: "GET", path: "/concerts/1", status: 404},
		{name: "control: a failure with another method on an unknown path", method: "DELETE", path: "/nothing", status: 404, unseen: true},
	} {
		if _, err := admin.SetFaults(t.Context(), kind.plan); err != nil {
			t.Fatal(err)
		}
		before := scrapeRequests(t, url)
		if status := ask(t, kind.method, url+kind.path, kind.body); status != kind.status {
			t.Errorf("%s: %d, want %d", kind.name, status, kind.status)
		}
		load := afterAMinute(before, scrapeRequests(t, url))
		for expr, seen := range map[string]bool{failures: !kind.unseen, serverErrors: kind.status >= 500} {
			got := evaluate(t, load, catalog.Panel{Queries: []catalog.Query{{Expr: expr, Legend: "rate"}}})
			if (got["rate"] > 0) != seen {
				t.Errorf("%s: rate %v, want it above 0: %v, for\n%s", kind.name, got, seen, expr)
			}
		}
	}
}

// scrapeRequests returns the request series and their values.
func scrapeRequests(t *testing.T, url string) map[string]string {
	t.Helper()
	answer := send(t, http.MethodGet, url+"/metrics", "")
	defer answer.Body.Close()
	series := make(map[string]string)
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if labels, ok := strings.CutPrefix(name, "http_requests_total{"); ok {
			series[`http_requests_total{job="ticket_system",`+labels+"}"] = value
		}
	}
	return series
}

// afterAMinute returns series with the first values for a minute of scrapes,
// followed by one scrape with the last values.
func afterAMinute(first, last map[string]string) (load string) {
	for _, name := range slices.Sorted(maps.Keys(last)) {
		before, there := first[name]
		if !there {
			before = "_"
		}
		load += fmt.Sprintf("%s %sx11 %s\n", name, before, last[name])
	}
	return load
}

// ask sends a request and returns the status.
func ask(t *testing.T, method, url, body string) int {
	t.Helper()
	answer := send(t, method, url, body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

func send(t *testing.T, method, url, body string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
