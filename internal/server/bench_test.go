package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/server"
)

// vendor is a seller that sells at once and stores nothing.
type vendor struct{ *memory }

func (vendor) Buy(_ context.Context, o sale.Order) (sale.Outcome, error) {
	return sale.Outcome{Status: sale.Sold, Purchase: sale.Purchase{
		ID: o.ID, ConcertID: o.ConcertID, Email: o.Email, Quantity: o.Quantity, CreatedAt: time.Unix(1_800_000_000, 0),
	}}, nil
}

// sink is a ResponseWriter of minimal cost, so that the benchmark measures only the server.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// body is a request's body that can be reset and read again.
type body struct{ bytes.Reader }

func (*body) Close() error { return nil }

// storm sends the same request repeatedly, in parallel.
func storm(b *testing.B, h http.Handler, method, path string, payload []byte, status int) {
	b.Helper()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		req, err := http.NewRequestWithContext(b.Context(), method, path, http.NoBody)
		if err != nil {
			b.Error(err)
			return
		}
		req.Header.Set("Content-Type", "application/json")
		req.ContentLength = int64(len(payload))
		content := &body{}
		w := &sink{header: http.Header{}}
		for pb.Next() {
			content.Reset(payload)
			req.Body = content
			clear(w.header)
			w.status = 0
			h.ServeHTTP(w, req)
			if w.status != status {
				b.Errorf("status %d", w.status)
				return
			}
		}
	})
}

var order = []byte(`{"user_email":"testuser_1@example.com","quantity":2}`)

func BenchmarkBuy(b *testing.B) {
	r := newRig(b, func(o *server.Options) { o.Seller = vendor{o.Ledger.(*memory)} })
	storm(b, r.handler, http.MethodPost, "/buy/1", order, http.StatusOK)
}

// BenchmarkBuyBare is the baseline for BenchmarkBuy: the plain mux and encoding/json,
// without validation, metrics and access control.
func BenchmarkBuyBare(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /buy/{concert_id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseInt(r.PathValue("concert_id"), 10, 64)
		if err != nil {
			b.Error(err)
		}
		var in struct {
			UserEmail string `json:"user_email"`
			Quantity  int    `json:"quantity"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			b.Error(err)
		}
		o := sale.Order{ConcertID: id, Email: in.UserEmail, Quantity: in.Quantity}
		if o.ID, err = sale.NewID(); err != nil {
			b.Error(err)
		}
		sold, err := vendor{}.Buy(r.Context(), o)
		if err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		if err := json.NewEncoder(w).Encode(sold.Purchase); err != nil {
			b.Error(err)
		}
	})
	storm(b, mux, http.MethodPost, "/buy/1", order, http.StatusOK)
}

func BenchmarkBrowse(b *testing.B) {
	r := newRig(b)
	for range 20 {
		r.concert(b, 100)
	}
	storm(b, r.handler, http.MethodGet, "/concerts", nil, http.StatusOK)
}
