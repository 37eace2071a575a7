package storetest

import (
	"errors"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

func refundOnce(w *world) {
	concert := w.concert(5)
	o := order(concert, 3)
	receipt := w.sell(o, order(concert, 2))[0].Purchase

	refunded, err := w.Refund(w.Context(), o.ID)
	if err != nil {
		w.Fatal(err)
	}
	if refunded.Live() || refunded.RefundedAt.Before(receipt.CreatedAt) {
		w.Errorf("refunded at %s, sold at %s", refunded.RefundedAt, receipt.CreatedAt)
	}
	want := receipt
	want.RefundedAt = refunded.RefundedAt
	if !same(refunded, want) {
		w.Errorf("refund returned %+v, want %+v", refunded, want)
	}
	for name, s := range map[string]Store{"the same handle": w, "another handle": w.open(nil)} {
		if again, err := s.Refund(w.Context(), o.ID); err != nil || !same(again, refunded) {
			w.Errorf("refunded again on %s: %+v, %v, want %+v", name, again, err, refunded)
		}
	}
	if read, err := w.Purchase(w.Context(), o.ID); err != nil || !same(read, refunded) {
		w.Errorf("purchase %+v, %v, want %+v", read, err, refunded)
	}
	if got := w.sold(concert); got != 2 {
		w.Errorf("sold %d, want 2", got)
	}
	if got := w.sell(order(concert, 3))[0]; got.Status != sale.Sold {
		w.Errorf("order for the refunded tickets: %+v, want it sold", got)
	}
	w.balance()
}

func refundUnknown(w *world) {
	if p, err := w.Refund(w.Context(), uuid.New()); !errors.Is(err, sale.ErrNotFound) {
		w.Errorf("refund: %+v, %v, want not found", p, err)
	}
}

func refundedKey(w *world) {
	concert := w.concert(5)
	o := keyed(concert, 2, "k")
	w.sell(o)
	refunded, err := w.Refund(w.Context(), o.ID)
	if err != nil {
		w.Fatal(err)
	}
	got := w.sell(keyed(concert, 2, "k"))[0]
	if got.Status != sale.Replayed || !same(got.Purchase, refunded) {
		w.Errorf("repeated: %+v, want the first receipt %+v", got, refunded)
	}
	again := w.runOn(w, sale.Batch{Orders: []sale.Order{o}, Rerun: true})[0]
	if again.Status != sale.Sold || !same(again.Purchase, refunded) {
		w.Errorf("run again: %+v, want the receipt %+v", again, refunded)
	}
	if got := w.sold(concert); got != 0 {
		w.Errorf("sold %d, want 0", got)
	}
	w.balance()
}
