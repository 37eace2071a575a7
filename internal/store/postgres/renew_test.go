package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/store/postgres"
)

// renew makes the store replace its connections, with a ping that succeeds after one
// that failed.
func renew(t *testing.T, store *postgres.Store) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.Ping(ended); err == nil {
		t.Fatal("a ping whose context has ended succeeded")
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// queued calls every method of the store several times while all connections are in
// use, then calls do, and returns the errors by method.
func queued(t *testing.T, do func(store *postgres.Store)) map[string][]error {
	t.Helper()
	const each = 5
	url := server.Database(t)
	arrived := make(chan struct{}, 1000)
	store := open(t, url, postgres.Options{MaxConns: 5, Gate: func(context.Context) error {
		arrived <- struct{}{}
		return nil
	}})
	batch := newBatch(t, store, 1)
	if _, err := store.Sell(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	sold := batch.Orders[0].ID
	hold, err := raw(t, url).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Rollback()
	if _, err := hold.ExecContext(t.Context(), `LOCK TABLE concerts, purchases, items, faults, replicas, token_keys, audits IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	concert := batch.Orders[0].ConcertID
	methods := map[string]func() error{
		"sell": func() error {
			id, err := sale.NewID()
			if err != nil {
				return err
			}
			_, err = store.Sell(t.Context(), sale.Batch{Orders: []sale.Order{{ID: id, ConcertID: concert, Email: "a@example.com", Quantity: 1}}})
			return err
		},
		"concert":   func() error { _, err := store.Concert(t.Context(), concert); return err },
		"concerts":  func() error { _, err := store.Concerts(t.Context()); return err },
		"purchase":  func() error { _, err := store.Purchase(t.Context(), sold); return err },
		"key":       func() error { _, err := store.PurchaseByKey(t.Context(), "k"); return err },
		"purchases": func() error { _, err := store.Purchases(t.Context(), 0, uuid.Nil, 1); return err },
		"refund":    func() error { _, err := store.Refund(t.Context(), sold); return err },
		"books":     func() error { _, err := store.Books(t.Context()); return err },
		"audit":     func() error { _, _, err := store.AuditBooks(t.Context(), 0); return err },
		"create": func() error {
			_, err := store.CreateConcert(t.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: 1})
			return err
		},
		"item":      func() error { return store.DeleteItem(t.Context(), "i", "ada") },
		"token key": func() error { _, err := store.TokenKey(t.Context(), item.NewKey()); return err },
		"load plan": func() error { _, err := store.LoadPlan(t.Context()); return err },
		"heartbeat": func() error { return store.Heartbeat(t.Context(), "r", 1) },
		"replicas":  func() error { _, err := store.Replicas(t.Context()); return err },
		"schema":    func() error { return store.CheckSchema(t.Context()) },
	}
	for len(arrived) > 0 {
		<-arrived
	}
	var mu sync.Mutex
	var calling sync.WaitGroup
	failed := make(map[string][]error)
	for name, call := range methods {
		for range each {
			calling.Go(func() {
				err := call()
				mu.Lock()
				defer mu.Unlock()
				failed[name] = append(failed[name], err)
			})
		}
	}
	const gated = 9 // methods pass the gate before they connect; the others have no gate
	for range gated * each {
		<-arrived
	}
	do(store)
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	calling.Wait()
	return failed
}

// TestRenewedPool replaces the pools while callers wait for a connection. No caller
// notices.
func TestRenewedPool(t *testing.T) {
	t.Parallel()
	moved := 0
	for name, errs := range queued(t, func(store *postgres.Store) { renew(t, store) }) {
		for _, err := range errs {
			switch {
			case err == nil, errors.Is(err, sale.ErrNotFound), errors.Is(err, item.ErrNotFound):
				moved++
			case errors.Is(err, sale.ErrUnavailable), errors.Is(err, sale.ErrOutcomeUnknown), errors.Is(err, sale.ErrConflict):
				// The call timed out on a busy machine.
			default:
				t.Errorf("%s: %v", name, err)
			}
			if err != nil && strings.Contains(err.Error(), "closed pool") {
				t.Errorf("%s was not moved to the new pool: %v", name, err)
			}
		}
	}
	if moved == 0 {
		t.Error("no caller was served by the new pool")
	}
}

// TestClosedStore closes the store while callers wait for a connection. They get
// ErrUnavailable, not an error of the pool.
func TestClosedStore(t *testing.T) {
	t.Parallel()
	closed := make(chan error, 1)
	results := queued(t, func(store *postgres.Store) { go func() { closed <- store.Close() }() })
	for name, errs := range results {
		for _, err := range errs {
			known := false
			for _, kind := range []error{sale.ErrNotFound, item.ErrNotFound, sale.ErrUnavailable, sale.ErrOutcomeUnknown, sale.ErrConflict} {
				known = known || errors.Is(err, kind)
			}
			if err != nil && !known {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
