package alerting_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"onsale/internal/monitor/alerting"
	"onsale/internal/monitor/answer"
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

// TestFewAnswersAreMadeAtOnce makes 20 calls whose clients read nothing: two answers
// are made at a time, all are made, and those beyond 64 MB are not kept.
func TestFewAnswersAreMadeAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inside, made, most atomic.Int64
		place := make(chan struct{})
		h := alerting.FewAtOnce(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			<-place
			made.Add(1)
			_, _ = w.Write(make([]byte, 10<<20))
		}))
		var clients sync.WaitGroup
		read := make(chan struct{})
		var answers [20]slowClient
		for i := range answers {
			answers[i] = slowClient{ResponseRecorder: httptest.NewRecorder(), read: read}
			clients.Go(func() { h.ServeHTTP(answers[i], httptest.NewRequest(http.MethodGet, "/", http.NoBody)) })
		}
		synctest.Wait()
		if inside.Load() != 2 {
			t.Errorf("%d answers are made at once, not 2", inside.Load())
		}
		close(place)
		synctest.Wait()
		if made.Load() != 20 || most.Load() != 2 {
			t.Errorf("%d answers were made, up to %d at once, while clients did not read", made.Load(), most.Load())
		}
		close(read)
		clients.Wait()
		statuses := make(map[int]int)
		for _, a := range answers {
			statuses[a.Code]++
		}
		if want := map[int]int{http.StatusOK: 6, http.StatusServiceUnavailable: 14}; fmt.Sprint(statuses) != fmt.Sprint(want) {
			t.Errorf("the answers are %v, not %v", statuses, want)
		}
	})
}

// slowClient takes nothing until read is closed.
type slowClient struct {
	*httptest.ResponseRecorder
	read <-chan struct{}
}

func (c slowClient) Write(p []byte) (int, error) {
	<-c.read
	return c.ResponseRecorder.Write(p)
}

func TestLongAnswerIsRefused(t *testing.T) {
	t.Parallel()
	h := alerting.FewAtOnce(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), answer.MaxLength+1))
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "longer than 16 MB") {
		t.Errorf("answered %d with %d bytes", w.Code, w.Body.Len())
	}
}

// TestCallersDoNotFillTheLog makes mistakes of which the library logs each as an error.
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
			t.Errorf("%s %s is no mistake: %d %s", c.method, c.path, status, answer)
		}
	}
	m.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(left, http.MethodGet, "/api/v2/alerts/groups", http.NoBody))
	if l.String() != "" {
		t.Errorf("the log is\n%s", l)
	}
}
