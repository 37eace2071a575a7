package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"onsale/internal/fault"
	"onsale/internal/sale"
)

// Each possible result of a purchase has a status, a code, headers, and one outcome in the
// metrics.
func TestPurchaseOutcomes(t *testing.T) {
	t.Parallel()
	const good = `{"user_email":"a@example.com","quantity":2}`
	for _, c := range []struct {
		name    string
		path    string // /buy/1 if empty
		body    string // a good order if empty
		fault   error  // from the fault plan
		err     error  // from the seller
		before  int64  // tickets sold before
		status  int
		code    string // of the problem, if it is one
		outcome string
		retry   string // the header Retry-After
	}{
		{name: "sold", status: 200, outcome: "sold"},
		{name: "sold out", before: 9, status: 409, code: "sold_out", outcome: "sold_out"},
		{name: "denied", fault: fault.ErrDenied, status: 409, code: "denied", outcome: "denied"},
		{name: "unknown concert", path: "/buy/2", status: 404, code: "not_found", outcome: "not_found"},
		{name: "validated by Huma", path: "/buy/x", status: 422, code: "invalid", outcome: "invalid"},
		{name: "validated by the rules", body: `{"user_email":"a@example.com","quantity":0}`, status: 422, code: "invalid", outcome: "invalid"},
		{name: "malformed", body: `{`, status: 400, code: "malformed", outcome: "invalid"},
		{name: "too large", body: strings.Repeat(" ", 17<<10), status: 413, code: "too_large", outcome: "invalid"},
		{name: "busy", err: sale.ErrBusy, status: 503, code: "busy", outcome: "shed", retry: "1"},
		{name: "stopping", err: sale.ErrStopping, status: 503, code: "stopping", outcome: "shed", retry: "1"},
		{name: "conflict", err: sale.ErrConflict, status: 503, code: "busy", outcome: "shed", retry: "1"},
		{name: "unavailable", err: sale.ErrUnavailable, status: 503, code: "unavailable", outcome: "failed", retry: "1"},
		{name: "timed out", err: context.DeadlineExceeded, status: 503, code: "unavailable", outcome: "failed", retry: "1"},
		{name: "refused", err: sale.ErrRefused, status: 422, code: "refused", outcome: "failed"},
		{name: "injected", fault: fault.ErrInjected, status: 500, code: "injected", outcome: "failed"},
		{
			name: "injected in the database", err: fmt.Errorf("%w: %w", sale.ErrUnavailable, fault.ErrInjected),
			status: 503, code: "unavailable", outcome: "failed", retry: "1",
		},
		{name: "unexpected", err: errors.New("surprise"), status: 500, code: "internal", outcome: "failed"},
		{name: "unknown", err: sale.ErrOutcomeUnknown, status: 503, code: "outcome_unknown", outcome: "unknown", retry: "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.concert(t, 10)
			r.add(1, int(c.before))
			r.faults.route = func(context.Context, string) error { return c.fault }
			var id string
			r.hook(func(_ context.Context, call string) error {
				if call != "Sell" || c.err == nil {
					return nil
				}
				id = r.orders()[0].ID.String()
				return fmt.Errorf("a batch: %w: password=hunter2", c.err)
			})
			path, body := "/buy/1", good
			if c.path != "" {
				path = c.path
			}
			if c.body != "" {
				body = c.body
			}
			w := r.do("POST", path, body)
			if c.code != "" {
				wantProblem(t, w, c.status, c.code)
			}
			if w.Code != c.status || strings.Contains(w.Body.String(), "hunter2") {
				t.Errorf("answer %d %s", w.Code, w.Body)
			}
			wantHeader(t, w, "Retry-After", c.retry)
			location := ""
			if c.code == "outcome_unknown" {
				location = "/purchases/" + id
			}
			wantHeader(t, w, "Location", location)
			r.wantOutcomes(t, c.outcome)
		})
	}
}

// wantOutcomes checks that the purchases so far had these outcomes, each once.
func (r *rig) wantOutcomes(t *testing.T, outcomes ...string) {
	t.Helper()
	var sum float64
	for _, o := range []string{
		"sold", "replayed", "sold_out", "denied", "not_found", "invalid", "shed", "failed", "unknown", "abandoned",
	} {
		sum += r.series(t, "onsale_purchases_total", "outcome="+o)
	}
	for _, o := range outcomes {
		if got := r.series(t, "onsale_purchases_total", "outcome="+o); got != 1 {
			t.Errorf("counted %v times as %s", got, o)
		}
	}
	if sum != float64(len(outcomes)) {
		t.Errorf("counted %v times in all, want %d", sum, len(outcomes))
	}
}

// A repeated order with the same key counts as replayed, a different order as invalid.
func TestKeyOutcomes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 10)
	for _, quantity := range []int{1, 1, 2} {
		r.do("POST", "/buy/1", fmt.Sprintf(`{"user_email":"a@example.com","quantity":%d}`, quantity), "Idempotency-Key: k")
	}
	r.wantOutcomes(t, "sold", "replayed", "invalid")
	if got := r.series(t, "onsale_sale_duration_seconds"); got != 1 {
		t.Errorf("%v sales were timed, want 1", got)
	}
}

// If a key cannot be looked up, nothing is sold, because the key may have been used before.
func TestKeyUnavailable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 10)
	r.hook(func(_ context.Context, call string) error {
		if call == "PurchaseByKey" {
			return sale.ErrUnavailable
		}
		return nil
	})
	wantProblem(t, r.do("POST", "/buy/1", `{"user_email":"a@example.com","quantity":1}`, "Idempotency-Key: k"), 503, "unavailable")
	r.wantOutcomes(t, "failed")
	if len(r.orders()) != 0 {
		t.Error("the order was sold")
	}
}

// All series that alerts read exist from the start.
func TestSeriesFromTheStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.wantOutcomes(t)
	if got := r.count(t, "onsale_purchases_total"); got != 10 {
		t.Errorf("%d outcomes", got)
	}
	for _, endpoint := range []string{
		"/concerts", "/concerts/{id}", "/purchases", "/purchases/{id}", "/books", "/faults", "/health", "/ready", "/metrics",
	} {
		if got := r.series(t, "http_requests_total", "endpoint="+endpoint, "method=GET", "status=200"); got != 0 {
			t.Errorf("%s: %v", endpoint, got)
		}
	}
	for _, endpoint := range []string{"/concerts/new", "/buy/{concert_id}", "/buy_random_deny/{concert_id}"} {
		if got := r.series(t, "http_requests_total", "endpoint="+endpoint, "method=POST", "status=200"); got != 0 {
			t.Errorf("%s: %v", endpoint, got)
		}
	}
}

// Each call of the API is counted and timed once, under its route. Pages are not counted.
func TestCountedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 10)
	before := r.series(t, "request_duration_seconds")
	for _, path := range []string{"/", "/docs", "/docs/start.js", "/docs/swagger-ui.css", "/openapi.json", "/openapi.yaml"} {
		r.do("GET", path, "")
	}
	if got := r.series(t, "request_duration_seconds") - before; got != 0 {
		t.Errorf("%v pages are counted", got)
	}
	for i := range 3 {
		r.do("GET", fmt.Sprintf("/concerts/%d", i+1), "")
	}
	r.do("HEAD", "/concerts/1", "")
	for _, c := range []struct {
		method, status string
		n              float64
	}{{"GET", "200", 1}, {"GET", "404", 2}, {"HEAD", "200", 1}} {
		if got := r.series(t, "http_requests_total", "endpoint=/concerts/{id}", "method="+c.method, "status="+c.status); got != c.n {
			t.Errorf("%s %s: %v, want %v", c.method, c.status, got, c.n)
		}
	}
	if got := r.series(t, "onsale_request_duration_seconds", "endpoint=/concerts/{id}", "method=GET"); got != 3 {
		t.Errorf("timed %v times", got)
	}
	if got := r.series(t, "request_duration_seconds") - before; got != 4 {
		t.Errorf("%v calls are timed, want 4", got)
	}
}
