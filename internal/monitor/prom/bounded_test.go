package prom_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestCostlyQueriesAreStopped sends queries whose cost the guard cannot know before they
// run.
func TestCostlyQueriesAreStopped(t *testing.T) {
	t.Parallel()
	c := startChild(t)
	// Each step has a different value, and so its own series with space for all steps.
	u := c.post(t, "query_range", formOf(`count_values("t", vector(time()))`, 10_990, 1))
	u.refused(t, "a series for each value", http.StatusUnprocessableEntity, "more than 128 MB of memory")
	u = c.post(t, "query_range", formOf(`rate(http_requests_total[5m])`, 10_990, 1))
	u.refused(t, "many series at many steps", http.StatusUnprocessableEntity, "at most 4000000 points are allowed")
	u = c.post(t, "query_range", formOf(`http_requests_total > 5`, 2000, 1))
	u.refused(t, "many samples", http.StatusUnprocessableEntity, "at most 500000 are allowed")
	u = c.post(t, "query", url.Values{"query": {"heat[9d]"}})
	u.refused(t, "a long answer", http.StatusUnprocessableEntity, "the answer has 7")
	// The engine itself checks the timeout between two series, and this is only one.
	u = c.post(t, "query_range", formOf("quantile_over_time(0.5, heat[7d])", 10_990, 60))
	u.refused(t, "one series for long", http.StatusServiceUnavailable, "took longer than 5s")

	// A client that disconnects, or does not read, does not block the next one.
	ctx, hangUp := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer hangUp()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		c.url+"/api/v1/query_range?"+formOf("quantile_over_time(0.5, heat[7d])", 10_990, 60).Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := c.http.Do(request); err == nil {
		response.Body.Close()
		t.Error("the query ended before its client disconnected, so the test proves nothing")
	}
	c.next(t, "a client that hung up")

	connection, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "GET /api/v1/query?query=heat%5B4d%5D HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(connection, make([]byte, len("HTTP/1.1 200"))); err != nil {
		t.Fatal(err)
	}
	c.next(t, "a client that does not read")
}

// next sends a query that must not wait for the one before it.
func (c *child) next(t *testing.T, after string) {
	t.Helper()
	if u := c.post(t, "query", url.Values{"query": {"vector(1)"}}); u.status != http.StatusOK || u.time > 3*time.Second {
		t.Errorf("the query after %s: %s", after, u)
	}
}

func (u used) refused(t *testing.T, what string, status int, says string) {
	t.Helper()
	u.within(t, what)
	if u.status != status || !strings.Contains(u.body, says) {
		t.Errorf("%s: %s, want %d and %q", what, u, status, says)
	}
}
