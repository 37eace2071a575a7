package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rush is a group of buyers of one concert, with the answers that they got.
type rush struct {
	t       testing.TB
	client  *http.Client
	concert int64
	// base is the URL of the server; it changes when the server is restarted.
	base atomic.Pointer[string]
	next atomic.Int64 // numbers the buyers

	mu       sync.Mutex
	receipts map[string]receipt // by purchase id
	refunded map[string]bool
	answers  map[int]int // how often each status was answered; 0 is none
	slowest  map[int]time.Duration
}

// receipt is the buyer's receipt of a purchase, or the purchase as the server lists it.
type receipt struct {
	ID         string  `json:"purchase_id"`
	Concert    int64   `json:"concert_id"`
	Email      string  `json:"user_email"`
	Quantity   int     `json:"quantity"`
	Code       string  `json:"code"`
	RefundedAt *string `json:"refunded_at"`
}

func newRush(tb testing.TB, base string, capacity int) *rush {
	tb.Helper()
	r := &rush{
		t: tb, client: newClient(),
		receipts: map[string]receipt{}, refunded: map[string]bool{},
		answers: map[int]int{}, slowest: map[int]time.Duration{},
	}
	tb.Cleanup(r.client.CloseIdleConnections)
	r.base.Store(&base)
	status, body := call(tb.Context(), r.client, http.MethodPost, base+"/concerts/new",
		fmt.Sprintf(`{"title":"Rush","date":"tonight","venue":"Here","number_of_tickets":%d}`, capacity))
	var concert struct{ ID int64 }
	if status != http.StatusOK || json.Unmarshal(body, &concert) != nil {
		tb.Fatalf("create concert: %d %s", status, body)
	}
	r.concert = concert.ID
	return r
}

// buyer returns an e-mail address that no other buyer has.
func (r *rush) buyer() string { return fmt.Sprintf("buyer%d@example.com", r.next.Add(1)) }

// once makes one purchase and records the answer.
func (r *rush) once(ctx context.Context, base, email string, quantity int, header ...string) (int, receipt) {
	begin := time.Now()
	status, body := call(ctx, r.client, http.MethodPost, fmt.Sprintf("%s/buy/%d", base, r.concert),
		fmt.Sprintf(`{"user_email":%q,"quantity":%d}`, email, quantity), header...)
	took := time.Since(begin)
	var told receipt
	if status != 0 {
		if err := json.Unmarshal(body, &told); err != nil {
			r.t.Errorf("answer %d is not JSON: %s", status, body)
		}
	}
	told.Email = email
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[status]++
	if told.Code != "outcome_unknown" {
		r.slowest[status] = max(r.slowest[status], took)
	}
	if status == http.StatusOK {
		r.receipts[told.ID] = told
	}
	return status, told
}

// buy lets n buyers buy the quantity once each, all at the same time.
func (r *rush) buy(ctx context.Context, n, quantity int) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() { r.once(ctx, *r.base.Load(), r.buyer(), quantity) })
	}
	all.Wait()
}

// storm runs n buyers, each of which makes one purchase after the other until the context
// ends. Every second buyer sends a key and retries until the outcome is known.
func (r *rush) storm(ctx context.Context, n int) (wait func()) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for ctx.Err() == nil {
				if i%2 == 0 {
					r.once(ctx, *r.base.Load(), r.buyer(), 1)
					continue
				}
				r.insist(ctx, r.buyer())
			}
		})
	}
	return all.Wait
}

// insist repeats an order with its key until the outcome is known.
func (r *rush) insist(ctx context.Context, email string) {
	for ctx.Err() == nil {
		status, _ := r.once(ctx, *r.base.Load(), email, 1, "Idempotency-Key", "key-of-"+email)
		if status == http.StatusOK || status == http.StatusConflict {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// refund refunds a purchase.
func (r *rush) refund(ctx context.Context, id string) {
	status, body := call(ctx, r.client, http.MethodDelete, *r.base.Load()+"/purchases/"+id, "")
	if status != http.StatusOK || !strings.Contains(string(body), "refunded_at") {
		r.t.Errorf("refund answered %d %s", status, body)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refunded[id] = true
}

// rows reads all purchases of the concert, page by page.
func (r *rush) rows() map[string]receipt {
	r.t.Helper()
	rows := map[string]receipt{}
	after := ""
	for {
		var page []receipt
		r.get(fmt.Sprintf("/purchases?concert_id=%d&limit=1000%s", r.concert, after), &page)
		for _, row := range page {
			rows[row.ID] = row
		}
		if len(page) < 1000 {
			return rows
		}
		after = "&after=" + page[len(page)-1].ID
	}
}

func (r *rush) get(path string, into any) {
	r.t.Helper()
	status, body := call(r.t.Context(), r.client, http.MethodGet, *r.base.Load()+path, "")
	if status != http.StatusOK {
		r.t.Fatalf("%s answered %d %s", path, status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		r.t.Fatalf("%s: %v in %s", path, err, body)
	}
}

// verify checks the purchases against the receipts of the buyers: every acknowledged purchase
// exists unchanged, and no buyer has two. It returns the number of purchases without a receipt.
func (r *rush) verify() (untold int) {
	r.t.Helper()
	rows := r.verifyBooks()
	emails := map[string]int{}
	for id, row := range rows {
		emails[row.Email]++
		if _, told := r.receipts[id]; !told {
			untold++
		}
		if (row.RefundedAt != nil) != r.refunded[id] {
			r.t.Errorf("purchase %s: refunded %v, but the answer to its buyer was %v", id, row.RefundedAt, r.refunded[id])
		}
	}
	for id, told := range r.receipts {
		row := rows[id]
		if row.Email != told.Email || row.Quantity != told.Quantity || row.Concert != r.concert {
			r.t.Errorf("the receipt is %+v, the purchase %+v", told, row)
		}
	}
	for email, n := range emails {
		if n != 1 {
			r.t.Errorf("%s has %d purchases, want one", email, n)
		}
	}
	return untold
}

// verifyBooks checks that the counter equals the live purchases and never
// exceeds the capacity, and returns the purchases.
func (r *rush) verifyBooks() map[string]receipt {
	r.t.Helper()
	rows := r.rows()
	var live int64
	for _, row := range rows {
		if row.RefundedAt == nil {
			live += int64(row.Quantity)
		}
	}
	var concert struct{ Capacity, Sold, Available int64 }
	r.get(fmt.Sprintf("/concerts/%d", r.concert), &concert)
	if concert.Sold != live || concert.Sold > concert.Capacity || concert.Available != concert.Capacity-concert.Sold {
		r.t.Errorf("the concert is %+v, but its live purchases have %d tickets", concert, live)
	}
	var books struct{ Balanced bool }
	if r.get("/books", &books); !books.Balanced {
		r.t.Error("the ledger does not balance")
	}
	return rows
}
