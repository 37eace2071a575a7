package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"onsale/internal/fault"
	"onsale/internal/sale"
)

func poison(w *world) {
	concert := w.concert(10)
	for _, quantity := range []int{0, -5} {
		good := order(concert, 1)
		b := sale.Batch{Orders: []sale.Order{good, order(concert, quantity), order(concert, 1)}}
		if outcomes, err := w.Sell(w.Context(), b); !errors.Is(err, sale.ErrRefused) {
			w.Errorf("a batch with quantity %d: %v, %v, want it rejected", quantity, outcomes, err)
		}
		w.untouched(concert)
		if got := w.sell(good)[0]; got.Status != sale.Sold {
			w.Errorf("the good order alone: %+v, want it sold", got)
		}
		if _, err := w.Refund(w.Context(), good.ID); err != nil {
			w.Fatal(err)
		}
	}
}

func constraints(w *world) {
	concert := w.concert(10)
	first, second := keyed(concert, 2, "first"), keyed(concert, 2, "second")
	w.sell(first, second)
	for _, statement := range []string{
		`UPDATE concerts SET sold = capacity + 1`,
		`UPDATE concerts SET sold = -1`,
		`UPDATE concerts SET capacity = 3`,
		`UPDATE concerts SET capacity = 0, sold = 0`,
		`UPDATE purchases SET quantity = 0`,
		`UPDATE purchases SET quantity = -5`,
		fmt.Sprintf(`UPDATE purchases SET idempotency_key = 'first' WHERE id = '%s'`, second.ID),
		fmt.Sprintf(`UPDATE purchases SET id = '%s' WHERE id = '%s'`, first.ID, second.ID),
	} {
		if _, err := w.database.Raw.ExecContext(w.Context(), statement); err == nil {
			w.Errorf("the database accepts %s", statement)
		}
	}
	w.balance()
}

func cancelled(w *world) {
	concert := w.concert(10)
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	for name, call := range map[string]func() error{
		"sell":   func() error { _, err := w.Sell(ctx, sale.Batch{Orders: []sale.Order{order(concert, 1)}}); return err },
		"create": func() error { _, err := w.CreateConcert(ctx, sale.NewConcert{Title: "T", Capacity: 1}); return err },
		"read":   func() error { _, err := w.Concert(ctx, concert); return err },
		"list":   func() error { _, err := w.Purchases(ctx, 0, uuid.Nil, 1); return err },
		"refund": func() error { _, err := w.Refund(ctx, uuid.New()); return err },
		"books":  func() error { _, err := w.Books(ctx); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) || errors.Is(err, sale.ErrOutcomeUnknown) {
			w.Errorf("%s: %v, want it cancelled, and not the outcome unknown", name, err)
		}
	}
	w.untouched(concert)
}

func closedGate(w *world) {
	concert := w.concert(10)
	errBroken := errors.New("broken on purpose")
	var open atomic.Bool
	gated := w.open(func(context.Context) error {
		if open.Load() {
			return nil
		}
		return errBroken
	})
	for name, call := range map[string]func(context.Context) error{
		"sell": func(ctx context.Context) error {
			_, err := gated.Sell(ctx, sale.Batch{Orders: []sale.Order{order(concert, 1)}})
			return err
		},
		"create": func(ctx context.Context) error {
			_, err := gated.CreateConcert(ctx, sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: 1})
			return err
		},
		"refund":    func(ctx context.Context) error { _, err := gated.Refund(ctx, uuid.New()); return err },
		"concert":   func(ctx context.Context) error { _, err := gated.Concert(ctx, concert); return err },
		"concerts":  func(ctx context.Context) error { _, err := gated.Concerts(ctx); return err },
		"purchase":  func(ctx context.Context) error { _, err := gated.Purchase(ctx, uuid.New()); return err },
		"purchases": func(ctx context.Context) error { _, err := gated.Purchases(ctx, 0, uuid.Nil, 1); return err },
		"books":     func(ctx context.Context) error { _, err := gated.Books(ctx); return err },
	} {
		if err := call(w.Context()); !errors.Is(err, sale.ErrUnavailable) || !errors.Is(err, errBroken) {
			w.Errorf("%s behind a closed gate: %v, want it unavailable for the gate's reason", name, err)
		}
	}
	w.untouched(concert)
	exempt(w, gated)

	open.Store(true)
	if got := w.sellOn(gated, order(concert, 1))[0]; got.Status != sale.Sold {
		w.Errorf("behind an open gate: %+v, want it sold", got)
	}
}

// exempt checks that a closed gate does not stop probes, the audit, the fault controls
// and the look-up of a key. Operators must be able to see faults and to end them, and a
// key that has bought gets its receipt before any fault is injected.
func exempt(w *world, gated Store) {
	w.Helper()
	for name, call := range map[string]func(context.Context) error{
		"ping": gated.Ping,
		"key": func(ctx context.Context) error {
			_, err := gated.PurchaseByKey(ctx, "k")
			if errors.Is(err, sale.ErrNotFound) {
				return nil
			}
			return err
		},
		"schema":    gated.CheckSchema,
		"audit":     func(ctx context.Context) error { _, _, err := gated.AuditBooks(ctx, 0); return err },
		"load plan": func(ctx context.Context) error { _, err := gated.LoadPlan(ctx); return err },
		"save plan": func(ctx context.Context) error { _, err := gated.SavePlan(ctx, fault.Off()); return err },
		"swap plan": func(ctx context.Context) error {
			_, err := gated.SwapPlan(ctx, fault.State{Version: 2})
			if errors.Is(err, fault.ErrChanged) { // depends on whether "save plan" ran before
				return nil
			}
			return err
		},
		"heartbeat": func(ctx context.Context) error { return gated.Heartbeat(ctx, "replica", 1) },
		"replicas":  func(ctx context.Context) error { _, err := gated.Replicas(ctx); return err },
	} {
		if err := call(w.Context()); err != nil {
			w.Errorf("a closed gate stopped %s: %v", name, err)
		}
	}
}

func waitingGate(w *world) {
	concert := w.concert(10)
	slow := w.open(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := slow.Sell(ctx, sale.Batch{Orders: []sale.Order{order(concert, 1)}})
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sale.ErrUnavailable) {
		w.Errorf("sell behind a gate that waits: %v, want only the context's error", err)
	}
	w.untouched(concert)
}

// untouched fails the test unless nothing is sold and the concert is the only one.
func (w *world) untouched(concert int64) {
	w.Helper()
	if got := w.sold(concert); got != 0 {
		w.Errorf("sold %d, want 0", got)
	}
	var live int
	for _, p := range w.purchases() {
		if p.Live() {
			live++
		}
	}
	if live != 0 {
		w.Errorf("%d purchases, want none", live)
	}
	if concerts, err := w.Concerts(w.Context()); err != nil || len(concerts) != 1 {
		w.Errorf("concerts %v, %v, want exactly one", concerts, err)
	}
	w.balance()
}
