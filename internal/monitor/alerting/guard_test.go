package alerting_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
)

func TestExpensiveFiltersAreRejected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := run(t, options(t, newListener()))
		costly := `(a?){1000}`
		for _, path := range []string{"alerts", "alerts/groups", "silences"} {
			for name, c := range map[string]struct {
				parameters url.Values
				status     int
				says       string
			}{
				"plain":              {url.Values{"filter": {`alertname=~"Instance.*|High.*"`, `job="a"`}}, http.StatusOK, ""},
				"filter":             {url.Values{"filter": {`a=~"` + costly + `"`}}, http.StatusBadRequest, "at most 1000 are allowed"},
				"filter, negative":   {url.Values{"filter": {`a!~` + costly}}, http.StatusBadRequest, "at most 1000 are allowed"},
				"filter with escape": {url.Values{"filter": {`a=~"` + costly + `\\)"`}}, http.StatusBadRequest, "at most 1000 are allowed"},
				"many filters":       {url.Values{"filter": strings.Split(strings.Repeat(`a=~"(b?){20}" `, 40)+"a=b", " ")}, http.StatusBadRequest, "at most 1000 are allowed"},
				"receiver":           {url.Values{"receiver": {costly}}, http.StatusBadRequest, "at most 1000 are allowed"},
				"receiver matchers":  {url.Values{"receiver_matchers": {"a=~" + costly}}, http.StatusBadRequest, "at most 1000 are allowed"},
				"parameters":         {url.Values{"filter": strings.Split(strings.Repeat("a=b ", 60)+"a=b", " ")}, http.StatusBadRequest, "61 parameters; at most 50"},
				"length":             {url.Values{"filter": {"a=" + strings.Repeat("b", 9000)}}, http.StatusBadRequest, "at most 8192"},
			} {
				status, answer := m.call(t, http.MethodGet, "/api/v2/"+path+"?"+c.parameters.Encode(), "")
				if status != c.status || !strings.Contains(answer, c.says) {
					t.Errorf("%s, %s: %d %.300s", path, name, status, answer)
				}
			}
		}
	})
}

// TestCallersDoNotFillTheLog makes requests with mistakes. The library logs each as an
// error; Onsale logs it at debug.
func TestCallersDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	l := new(logged)
	o := options(t, newListener())
	o.Logger = l.logger(slog.LevelInfo)
	m := run(t, o)
	left, leave := context.WithCancel(t.Context())
	leave()
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, "silence/00000000-0000-0000-0000-000000000000", ""},
		{http.MethodDelete, "silence/00000000-0000-0000-0000-000000000000", ""},
		{http.MethodGet, "alerts?filter={{", ""},
		{http.MethodGet, "alerts/groups?receiver=(", ""},
		{http.MethodPost, "alerts", `[{"labels":{}}]`},
		{http.MethodPost, "silences", silenceOf("", "")},
	} {
		if status, answer := m.call(t, c.method, "/api/v2/"+c.path, c.body); status < http.StatusBadRequest {
			t.Errorf("%s %s was accepted: %d %s", c.method, c.path, status, answer)
		}
	}
	m.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(left, http.MethodGet, "/api/v2/alerts/groups", http.NoBody))
	if l.String() != "" {
		t.Errorf("the log is\n%s", l)
	}
}
