package alerting_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
)

func TestExpensiveFiltersAreRefused(t *testing.T) {
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
				"parameters":         {url.Values{"filter": strings.Split(strings.Repeat("a=b ", 60)+"a=b", " ")}, http.StatusBadRequest, "61 parameters, at most 50"},
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
