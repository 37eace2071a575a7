package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"onsale/internal/fault"
	"onsale/internal/sale"
	"onsale/internal/server"
)

// The eight metrics exist from the start with the value 0, and have the names and types
// that the dashboard of the earlier service reads.
func TestItemSeriesFromTheStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	text := r.do("GET", "/metrics", "").Body.String()
	for _, line := range []string{
		"# TYPE total_requests_total counter", "total_requests_total 0",
		"# TYPE processing_time histogram", "processing_time_count 0",
		"# TYPE request_latency histogram", "request_latency_count 0",
		"# TYPE average_request_size gauge", "average_request_size 0",
		"# TYPE active_users gauge", "active_users 0",
		"# TYPE error_rate_total counter", "error_rate_total 0",
		"# TYPE total_items_created_total counter", "total_items_created_total 0",
		"# TYPE user_activity_total counter", `user_activity_total{user_id="other"} 0`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, c := range [][3]string{{"POST", "/api/token", "200"}, {"POST", "/api/items", "201"}, {"DELETE", "/api/items/{item_id}", "200"}} {
		if got := r.series(t, "http_requests_total", "method="+c[0], "endpoint="+c[1], "status="+c[2]); got != 0 {
			t.Errorf("%s %s: %v", c[0], c[1], got)
		}
	}
}

// The linter finds no problem with the names of the metrics.
func TestItemMetricsLint(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.item(t, r.token(t, "ada"))
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Each call is counted by its result.
func TestItemCounters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ada, bob := r.token(t, "ada"), r.token(t, "bob")
	id := r.item(t, ada)
	r.item(t, ada)
	r.item(t, bob)
	r.do("DELETE", "/api/items/"+id, "", "Token: "+ada)                   // succeeds
	r.do("DELETE", "/api/items/"+id, "", "Token: "+ada)                   // 404
	r.do("DELETE", "/api/items/"+id, "")                                  // 403
	r.do("POST", "/api/items", "")                                        // 403
	r.do("POST", "/api/items", strings.Repeat("x", 2<<20), "Token: "+ada) // 413
	r.do("POST", "/api/items", "", "Token: "+ada, "User-ID: \x00")        // 422
	r.do("POST", "/api/items", "", "Sec-Fetch-Site: cross-site")          // 403
	r.faults.route = func(context.Context, string) error { return fault.ErrInjected }
	r.do("POST", "/api/items", "", "Token: "+ada)     // 500
	r.do("DELETE", "/api/items/x", "", "Token: "+ada) // 500
	r.faults.route = nil
	r.items.hook(func(context.Context, string) error { return sale.ErrUnavailable })
	r.do("POST", "/api/items", "", "Token: "+bob) // 503
	r.items.hook(func(context.Context, string) error { panic("surprise") })
	r.do("POST", "/api/items", "", "Token: "+bob) // 500

	// None of these is a call to create or delete an item.
	r.do("POST", "/api/token", "", "User-ID: \x00")
	r.do("GET", "/api/items", "")
	r.do("PUT", "/api/items/x", "")
	r.do("DELETE", "/api/items/x/y", "")
	r.do("POST", "/buy/1", "")

	const creates = 3 + 7
	for name, want := range map[string]float64{
		"total_requests_total": creates, "request_latency": creates,
		"total_items_created_total": 3, "error_rate_total": 7 + 3,
		"processing_time": 3 + 2, // includes those that failed in the database after the delay
		"active_users":    2,
	} {
		if got := r.series(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for user, want := range map[string]float64{"ada": 3, "bob": 1, "other": 0} {
		if got := r.series(t, "user_activity_total", "user_id="+user); got != want {
			t.Errorf("activity of %s is %v, want %v", user, got, want)
		}
	}
}

// A call whose connection is reset by a fault counts as failed.
func TestItemResetIsCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.token(t, "ada")
	r.faults.route = func(context.Context, string) error { return fault.ErrReset }
	s := httptest.NewServer(r.handler)
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/items", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Token", token)
	if res, err := s.Client().Do(req); err == nil {
		_ = res.Body.Close()
		t.Errorf("status %d, want a reset", res.StatusCode)
	}
	s.Close() // waits until the request is counted
	for name, want := range map[string]float64{"total_requests_total": 1, "error_rate_total": 1, "total_items_created_total": 0} {
		if got := r.series(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// processing_time has the artificial delay, and request_latency the whole duration.
func TestItemDurations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		token := r.token(t, "ada")
		if _, err := r.faults.Set(t.Context(), fault.Plan{Routes: map[string]fault.RouteFaults{
			"/api/items": {Delay: fault.Delay{Fixed: 300 * time.Millisecond}},
		}}); err != nil {
			t.Fatal(err)
		}
		r.items.hook(func(context.Context, string) error {
			time.Sleep(time.Second)
			return nil
		})
		r.item(t, token)
		r.item(t, token)
		r.do("POST", "/api/items", "") // rejected at once
		for name, want := range map[string]string{
			"processing_time_sum": "0.6", "processing_time_count": "2",
			"request_latency_sum": "2.6", "request_latency_count": "3",
			`processing_time_bucket{le="0.25"}`: "0", `processing_time_bucket{le="0.3"}`: "2",
			`request_latency_bucket{le="0.005"}`: "1", `request_latency_bucket{le="2.5"}`: "3",
		} {
			if text := r.do("GET", "/metrics", "").Body.String(); !strings.Contains(text, "\n"+name+" "+want+"\n") {
				t.Errorf("%s is not %s", name, want)
			}
		}
		families, err := r.reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		native := 0
		for _, f := range families {
			if f.GetName() == "processing_time" || f.GetName() == "request_latency" {
				if h := f.GetMetric()[0].GetHistogram(); h.Schema != nil && len(h.GetPositiveSpan()) > 0 {
					native++
				}
			}
		}
		if native != 2 {
			t.Errorf("%d histograms are also native, want 2", native)
		}
	})
}

// The average is that of the last 1,000 bodies that were read. The Content-Length of a
// client without a token does not change it.
func TestAverageRequestSize(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := "Token: " + r.token(t, "ada")
	send := func(n, size int, headers ...string) {
		body := strings.Repeat("x", size)
		for range n {
			r.do("POST", "/api/items", body, headers...)
		}
	}
	check := func(want float64) {
		t.Helper()
		if got := r.series(t, "average_request_size"); got != want {
			t.Errorf("the average is %v, want %v", got, want)
		}
	}
	send(1, 100, token)
	check(100)
	send(1, 300) // without a token
	check(100)
	send(1, 300, token)
	check(200)
	send(2, 0, token)
	check(100)
	send(996, 100, token)
	check(100) // of exactly 1,000
	send(1000, 7, token)
	check(7)
	send(500, 9, token)
	check(8)
	send(3, 2<<20, token) // rejected because of the size
	check(8)
	req := httptest.NewRequest(http.MethodPost, "/api/items", strings.NewReader("x"))
	req.ContentLength = 1 << 62
	r.handler.ServeHTTP(httptest.NewRecorder(), req)
	check(8)
}

// Users are active for five minutes after they were last seen.
func TestActiveUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		check := func(want float64) {
			t.Helper()
			if got := r.series(t, "active_users"); got != want {
				t.Errorf("%v users are active, want %v", got, want)
			}
		}
		ada, bob := r.token(t, "ada"), r.token(t, "bob")
		r.token(t, "ada")
		check(2)
		time.Sleep(3 * time.Minute)
		r.item(t, ada)
		r.do("POST", "/api/token", "")
		r.do("DELETE", "/api/items/x", "", "Token: "+ada)
		check(3) // and guest
		time.Sleep(2*time.Minute + time.Second)
		check(2) // without bob
		r.do("POST", "/api/items", "", "Token: x", "User-ID: eve")
		r.do("POST", "/api/items", "", "Token: "+bob, "User-ID: eve")
		check(2) // rejected users are not active
		time.Sleep(3 * time.Minute)
		check(0)

		// The count is right even if the metrics were not read for hours.
		for i := range 20_000 {
			r.server.Act(strconv.Itoa(i))
		}
		time.Sleep(time.Hour)
		for i := range 50 {
			r.server.Act("late" + strconv.Itoa(i))
		}
		check(50)
		time.Sleep(4 * time.Minute)
		for i := range 9_950 {
			r.server.Act(strconv.Itoa(i))
		}
		check(10_000)
		r.server.Act("one more")
		check(10_000) // the maximum
		time.Sleep(time.Minute + time.Second)
		check(9_951) // without the 50 of before, and with all users seen since
	})
}

// The first users get their own series; those beyond the limit share one.
func TestUserLabels(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 1, 3} {
		r := newRig(t, func(o *server.Options) { o.MaxUserLabels = limit })
		for i := range 6 {
			token := r.token(t, fmt.Sprintf("user %d", i))
			for range i + 1 {
				r.item(t, token)
			}
		}
		r.item(t, r.token(t, "user 0")) // still has its own
		r.item(t, r.token(t, "other"))
		shared := 1.0
		for i := range 6 {
			activity := float64(i + 1)
			if i == 0 {
				activity++
			}
			if i >= limit {
				shared += activity
				continue
			}
			if got := r.series(t, "user_activity_total", fmt.Sprintf("user_id=user %d", i)); got != activity {
				t.Errorf("limit %d: user %d has %v, want %v", limit, i, got, activity)
			}
		}
		if got := r.series(t, "user_activity_total", "user_id=other"); got != shared {
			t.Errorf("limit %d: others have %v, want %v", limit, got, shared)
		}
		if got := r.count(t, "user_activity_total"); got != limit+1 {
			t.Errorf("limit %d: %d series", limit, got)
		}
	}
}

// With many concurrent users, the limit of series holds and nothing is lost.
func TestConcurrentUserLabels(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.MaxUserLabels = 10 })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				r.server.Act(strconv.Itoa(i % 40))
			}
		})
	}
	all.Wait()
	if got := r.count(t, "user_activity_total"); got != 11 {
		t.Errorf("%d series, want 11", got)
	}
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == "user_activity_total" {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	if sum != 8000 {
		t.Errorf("%v are counted, want 8000", sum)
	}
	if got := r.series(t, "active_users"); got != 40 {
		t.Errorf("%v are active, want 40", got)
	}
}

// A scrape stays small and fast after a million users have made one call each. Some
// thousand of them make real calls; the others only update the metrics.
func TestAMillionUsers(t *testing.T) {
	t.Parallel()
	users, calls := 1_000_000, 12_000
	if underRace {
		users /= 10
	}
	r := newRig(t)
	name := func(i int) string { return fmt.Sprintf("%064x%064d", i*0x9e3779b1, i) } // of the maximum length
	for i := range users {
		if i%(users/calls) != 0 {
			r.server.Act(name(i))
			continue
		}
		token, err := r.tokens.Issue(name(i))
		if err != nil {
			t.Fatal(err)
		}
		if w := r.do("POST", "/api/items", "", "Token: "+token); w.Code != 201 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if got := r.series(t, "active_users"); got != 10_000 {
		t.Errorf("%v users are active, want 10,000", got)
	}
	s := httptest.NewServer(r.handler)
	defer s.Close()
	best, size := time.Hour, 0
	for range 20 {
		start := time.Now()
		res, err := s.Client().Get(s.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		best, size = min(best, time.Since(start)), len(text)
	}
	t.Logf("a scrape has %d bytes and takes %s", size, best)
	if size > 1_000_000 {
		t.Errorf("a scrape has %d bytes", size)
	}
	if best > 5*time.Millisecond && !underRace {
		t.Errorf("the fastest scrape took %s", best)
	}
	if n, err := testutil.GatherAndCount(r.reg, "user_activity_total"); err != nil || n != 201 {
		t.Errorf("%d users have a series, %v", n, err)
	}
}
