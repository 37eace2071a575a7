package server_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"onsale/internal/fault"
	"onsale/internal/server"
)

// The calls of the contract, as a client of the earlier service makes them.
func TestContract(t *testing.T) {
	t.Parallel()
	r := newRig(t)

	w := r.do("POST", "/concerts/new", `{"title":"Aïda","date":"some day in June","venue":"Arena","number_of_tickets":3}`)
	want(t, w, 200, `{"id":1,"title":"Aïda","date":"some day in June","venue":"Arena","capacity":3,"sold":0,"available":3,"number_of_tickets":3,"status":"created"}`)
	wantHeader(t, w, "Location", "/concerts/1")
	wantHeader(t, w, "Content-Type", "application/json")

	w = r.do("GET", "/concerts", "")
	want(t, w, 200, `[{"id":1,"title":"Aïda","date":"some day in June","venue":"Arena","capacity":3,"sold":0,"available":3,"number_of_tickets":3}]`)
	wantHeader(t, w, "Content-Type", "application/json")

	w = r.do("POST", "/buy/1", `{"user_email":"testuser_1@example.com","quantity":2}`, "Content-Type: application/json")
	if w.Code != 200 {
		t.Fatalf("buy: %d %s", w.Code, w.Body)
	}
	bought := object(t, w)
	id, _ := bought["purchase_id"].(string)
	if _, err := uuid.Parse(id); err != nil {
		t.Errorf("purchase_id: %v", err)
	}
	for field, value := range map[string]any{
		"concert_id": 1.0, "quantity": 2.0, "status": "success", "user_email": "testuser_1@example.com",
	} {
		if bought[field] != value {
			t.Errorf("%s is %v, want %v", field, bought[field], value)
		}
	}

	w = r.do("GET", "/concerts/1", "")
	want(t, w, 200, `{"id":1,"title":"Aïda","date":"some day in June","venue":"Arena","capacity":3,"sold":2,"available":1,"number_of_tickets":3}`)

	p := wantProblem(t, r.do("POST", "/buy/1", `{"user_email":"a@example.com","quantity":2}`), 409, "sold_out")
	if p.Message != "Concert sold out" || p.Available == nil || *p.Available != 1 {
		t.Errorf("sold out: %+v", p)
	}
	p = wantProblem(t, r.do("POST", "/buy_random_deny/7", `{"user_email":"a@example.com","quantity":2}`), 404, "not_found")
	if p.Message != "Concert not found" {
		t.Errorf("message %q", p.Message)
	}

	w = r.do("GET", "/purchases/"+id, "")
	if got := object(t, w); w.Code != 200 || got["purchase_id"] != id || got["refunded_at"] != nil {
		t.Errorf("read purchase: %d %s", w.Code, w.Body)
	}
	wantHeader(t, w, "Cache-Control", "no-store")
	first := r.do("DELETE", "/purchases/"+id, "")
	if got := object(t, first); first.Code != 200 || got["refunded_at"] == nil {
		t.Errorf("refund: %d %s", first.Code, first.Body)
	}
	want(t, r.do("DELETE", "/purchases/"+id, ""), 200, strings.TrimSpace(first.Body.String()))
	if c := object(t, r.do("GET", "/concerts/1", "")); c["sold"] != 0.0 {
		t.Errorf("sold after two refunds: %v", c["sold"])
	}

	w = r.do("GET", "/health", "")
	want(t, w, 200, "")
	wantHeader(t, w, "Content-Type", "text/plain; charset=utf-8")
	if w = r.do("GET", "/ready", ""); w.Code != 200 {
		t.Errorf("ready: %d %s", w.Code, w.Body)
	}
	w = r.do("GET", "/metrics", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `http_requests_total{endpoint="/buy/{concert_id}",method="POST",status="200"} 1`) {
		t.Errorf("metrics: %d %.500s", w.Code, w.Body)
	}
}

// A denial sells nothing; its message is that of the earlier service.
func TestDenied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.concert(t, 10)
	r.faults.route = func(_ context.Context, route string) error {
		if route == "/buy_random_deny/{concert_id}" {
			return fault.ErrDenied
		}
		return nil
	}
	p := wantProblem(t, r.do("POST", "/buy_random_deny/1", `{"user_email":"a@example.com","quantity":1}`), 409, "denied")
	if p.Message != "Tickets currently unavailable" {
		t.Errorf("message %q", p.Message)
	}
	if w := r.do("POST", "/buy/1", `{"user_email":"a@example.com","quantity":1}`); w.Code != 200 {
		t.Errorf("the other call: %d %s", w.Code, w.Body)
	}
	if c, _ := r.Concert(t.Context(), id); c.Sold != 1 {
		t.Errorf("sold %d, want 1", c.Sold)
	}
}

// A repeated key gets the first receipt, before any fault is injected. The same key with a
// different order is rejected.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 10)
	const body, key = `{"user_email":"a@example.com","quantity":2}`, "Idempotency-Key: key-1"

	r.faults.route = func(context.Context, string) error { return fault.ErrDenied }
	wantProblem(t, r.do("POST", "/buy/1", body, key), 409, "denied") // only sold purchases are remembered

	r.faults.route = nil
	first := object(t, r.do("POST", "/buy/1", body, key))
	if first["replayed"] != nil {
		t.Errorf("first receipt: %v", first)
	}
	r.faults.route = func(context.Context, string) error {
		t.Error("a fault was injected for a known key")
		return fault.ErrDenied
	}
	again := object(t, r.do("POST", "/buy_random_deny/1", body, key))
	if again["purchase_id"] != first["purchase_id"] || again["created_at"] != first["created_at"] || again["replayed"] != true {
		t.Errorf("first %v\nagain %v", first, again)
	}
	for _, other := range []struct{ path, body string }{
		{"/buy/2", body},
		{"/buy/1", `{"user_email":"a@example.com","quantity":3}`},
		{"/buy/1", `{"user_email":"b@example.com","quantity":2}`},
	} {
		wantProblem(t, r.do("POST", other.path, other.body, key), 422, "key_reused")
	}
	if got := len(r.orders()); got != 1 {
		t.Errorf("%d orders reached the seller, want 1", got)
	}
}

// The two calls with hand-written encoders produce the same bytes as encoding/json.
func TestHandMadeJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, title := range []string{`plain`, `quo"te \ <b>&amp;`, "ünïcödé 漢字 \u2028", "\U0001F3B8"} {
		body, err := json.Marshal(map[string]any{"title": title, "date": title, "venue": title, "number_of_tickets": 5})
		if err != nil {
			t.Fatal(err)
		}
		if w := r.do("POST", "/concerts/new", string(body)); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	var concerts []server.Concert
	remarshal(t, r.do("GET", "/concerts", "").Body.Bytes(), &concerts)
	if len(concerts) != 4 || concerts[1].Title != `quo"te \ <b>&amp;` {
		t.Errorf("concerts: %+v", concerts)
	}
	for _, email := range []string{"a@example.com", "o'hara&sons@example.com", "ü@example.com"} {
		body, err := json.Marshal(map[string]any{"user_email": email, "quantity": 1})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var receipt struct {
				ConcertID  int64  `json:"concert_id"`
				Quantity   int    `json:"quantity"`
				Status     string `json:"status"`
				PurchaseID string `json:"purchase_id"`
				UserEmail  string `json:"user_email"`
				CreatedAt  string `json:"created_at"`
				Replayed   bool   `json:"replayed,omitempty"`
			}
			remarshal(t, r.do("POST", "/buy/1", string(body), "Idempotency-Key: "+uuid.NewSHA1(uuid.Nil, body).String()).Body.Bytes(), &receipt)
			if receipt.UserEmail != email {
				t.Errorf("e-mail %q, want %q", receipt.UserEmail, email)
			}
		}
	}
}

// remarshal decodes body into v, and checks that encoding v gives the same bytes.
func remarshal(t *testing.T, body []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if string(again)+"\n" != string(body) {
		t.Errorf("encoding/json writes\n%s\nnot\n%s", again, body)
	}
}

// want checks status and body of an answer, ignoring a final newline.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if got := strings.TrimSuffix(w.Body.String(), "\n"); w.Code != status || got != body {
		t.Errorf("answer %d %s\nwant   %d %s", w.Code, got, status, body)
	}
}

// wantHeader checks one header of an answer.
func wantHeader(t *testing.T, w *httptest.ResponseRecorder, name, value string) {
	t.Helper()
	if got := w.Header().Get(name); got != value {
		t.Errorf("header %s is %q, want %q", name, got, value)
	}
}
