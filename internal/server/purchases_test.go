package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"onsale/internal/fault"
	"onsale/internal/sale"
	"onsale/internal/server"
)

// The pages of purchases, followed by their links, have each purchase exactly once.
func TestListPurchases(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 100)
	r.concert(t, 100)
	for i := range 25 {
		if w := r.do("POST", fmt.Sprintf("/buy/%d", i%2+1), `{"user_email":"a@example.com","quantity":1}`); w.Code != 200 {
			t.Fatal(w.Body)
		}
	}
	want(t, r.do("GET", "/purchases?after=ffffffff-ffff-ffff-ffff-ffffffffffff", ""), 200, "[]")
	for _, c := range []struct {
		path         string
		pages, total int
	}{
		{"/purchases", 1, 25},
		{"/purchases?limit=25", 1, 25},
		{"/purchases?limit=10", 3, 25},
		{"/purchases?limit=5&concert_id=1", 3, 13},
		{"/purchases?concert_id=9", 1, 0},
	} {
		seen := map[uuid.UUID]bool{}
		pages := 0
		for path := c.path; path != ""; pages++ {
			w := r.do("GET", path, "")
			var page []server.Purchase
			if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			wantHeader(t, w, "Cache-Control", "no-store")
			for _, p := range page {
				if seen[p.PurchaseID] {
					t.Errorf("%s: %s is listed twice", c.path, p.PurchaseID)
				}
				seen[p.PurchaseID] = true
			}
			path = next(t, w.Header().Get("Link"))
		}
		if len(seen) != c.total || pages != c.pages {
			t.Errorf("%s: %d purchases on %d pages, want %d on %d", c.path, len(seen), pages, c.total, c.pages)
		}
	}
}

// next returns the path of rel=next in a Link header, or "" without a header.
func next(t *testing.T, link string) string {
	t.Helper()
	if link == "" {
		return ""
	}
	path, rel, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || rel != `; rel="next"` {
		t.Errorf("link %q", link)
	}
	return path
}

// A refund is retried after a conflict and after a COMMIT without an answer.
func TestRefundIsRetried(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		fails  int32
		status int
		code   string
	}{
		{"conflicts", sale.ErrConflict, 5, 200, ""},
		{"cut off", sale.ErrOutcomeUnknown, 5, 200, ""},
		{"conflicts for ever", sale.ErrConflict, 1000, 503, "busy"},
		{"cut off for ever", sale.ErrOutcomeUnknown, 1000, 503, "outcome_unknown"},
		{"unavailable", sale.ErrUnavailable, 1, 503, "unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.concert(t, 10)
				id, _ := object(t, r.do("POST", "/buy/1", `{"user_email":"a@example.com","quantity":3}`))["purchase_id"].(string)
				var tries atomic.Int32
				r.hook(func(_ context.Context, call string) error {
					if call == "Refund" && tries.Add(1) <= c.fails {
						return fmt.Errorf("refund: %w", c.err)
					}
					return nil
				})
				start := time.Now()
				w := r.do("DELETE", "/purchases/"+id, "")
				if took := time.Since(start); took > time.Second || tries.Load() > 6 {
					t.Errorf("%d tries in %v", tries.Load(), took)
				}
				if c.status == 200 {
					if got := object(t, w); w.Code != 200 || got["refunded_at"] == nil || tries.Load() != c.fails+1 {
						t.Errorf("%d %s after %d tries", w.Code, w.Body, tries.Load())
					}
					return
				}
				wantProblem(t, w, c.status, c.code)
				if c.code == "outcome_unknown" {
					wantHeader(t, w, "Location", "/purchases/"+id)
				}
			})
		})
	}
}

// A key repeated after the refund gets the receipt with the time of the refund.
func TestReplayOfARefundedPurchase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 10)
	const order = `{"user_email":"a@example.com","quantity":3}`
	id, _ := object(t, r.do("POST", "/buy/1", order, "Idempotency-Key: k"))["purchase_id"].(string)
	r.do("DELETE", "/purchases/"+id, "")
	w := r.do("POST", "/buy/1", order, "Idempotency-Key: k")
	if got := object(t, w); w.Code != 200 || got["purchase_id"] != id || got["replayed"] != true || got["refunded_at"] == nil {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A refund that may have been written is reported as such, whatever errors the later
// attempts have.
func TestRefundOfUnknownOutcomeStaysUnknown(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]error{
		"database gone":  sale.ErrUnavailable,
		"lock not had":   sale.ErrConflict,
		"injected error": fmt.Errorf("%w: %w", sale.ErrUnavailable, fault.ErrInjected),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.concert(t, 10)
				id, _ := object(t, r.do("POST", "/buy/1", `{"user_email":"a@example.com","quantity":3}`))["purchase_id"].(string)
				var tries atomic.Int32
				r.hook(func(_ context.Context, call string) error {
					switch {
					case call != "Refund":
						return nil
					case tries.Add(1) == 1:
						return sale.ErrOutcomeUnknown
					}
					return later
				})
				w := r.do("DELETE", "/purchases/"+id, "")
				wantProblem(t, w, 503, "outcome_unknown")
				wantHeader(t, w, "Location", "/purchases/"+id)
			})
		})
	}
}

func TestUnknownPurchase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, method := range []string{"GET", "DELETE"} {
		p := wantProblem(t, r.do(method, "/purchases/01890a5d-ac96-774b-bcce-b302099a8057", ""), 404, "not_found")
		if p.Message != "Purchase not found" {
			t.Errorf("message %q", p.Message)
		}
	}
	p := wantProblem(t, r.do("GET", "/concerts/5", ""), 404, "not_found")
	if p.Message != "Concert not found" {
		t.Errorf("message %q", p.Message)
	}
}

// GET /books compares the counters with the purchases of each concert.
func TestBooks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want(t, r.do("GET", "/books", ""), 200, `{"balanced":true,"difference":0,"capacity":0,"sold":0,"purchased":0,"concerts":[]}`)
	r.concert(t, 10)
	r.concert(t, 20)
	r.do("POST", "/buy/2", `{"user_email":"a@example.com","quantity":3}`)
	want(t, r.do("GET", "/books", ""), 200, `{"balanced":true,"difference":0,"capacity":30,"sold":3,"purchased":3,"concerts":[`+
		`{"concert_id":1,"capacity":10,"sold":0,"purchased":0,"difference":0},{"concert_id":2,"capacity":20,"sold":3,"purchased":3,"difference":0}]}`)
	r.add(1, 4) // change the counter without a purchase
	if got := object(t, r.do("GET", "/books", "")); got["balanced"] != false || got["difference"] != 4.0 {
		t.Errorf("books with an error: %v", got)
	}
}

// While the database hangs, every call is answered 503 within its time limit.
func TestLedgerLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.hook(func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		})
		const id = "01890a5d-ac96-774b-bcce-b302099a8057"
		for _, c := range []struct{ method, path, body string }{
			{"GET", "/concerts", ""},
			{"GET", "/concerts/1", ""},
			{"POST", "/concerts/new", `{"title":"t","date":"d","venue":"v","number_of_tickets":1}`},
			{"GET", "/purchases", ""},
			{"GET", "/purchases/" + id, ""},
			{"DELETE", "/purchases/" + id, ""},
			{"GET", "/books", ""},
			{"POST", "/buy/1", `{"user_email":"a@example.com","quantity":1}`},
		} {
			start := time.Now()
			wantProblem(t, r.do(c.method, c.path, c.body, "Idempotency-Key: k"), 503, "unavailable")
			limit := 5 * time.Second
			if c.method == "POST" && c.path == "/buy/1" || c.path == "/concerts" {
				limit = time.Second // the calls of buyers
			}
			if c.path == "/books" {
				limit = 30 * time.Second // it reads every purchase
			}
			if took := time.Since(start); took > limit {
				t.Errorf("%s %s took %v", c.method, c.path, took)
			}
		}
		time.Sleep(time.Minute) // until the refresh has given up
	})
}
