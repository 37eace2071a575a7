package storetest

import (
	"errors"
	"slices"

	"onsale/internal/sale"
)

func keyTwiceInBatch(w *world) {
	concert := w.concert(10)
	first, again, other := keyed(concert, 2, "k"), keyed(concert, 2, "k"), keyed(concert, 3, "k")
	outcomes := w.sell(first, again, other, order(concert, 1))
	want := []sale.Status{sale.Sold, sale.Replayed, sale.KeyReused, sale.Sold}
	if !slices.Equal(statuses(outcomes), want) {
		w.Fatalf("outcomes %v, want %v", statuses(outcomes), want)
	}
	if got := outcomes[1].Purchase; !same(got, outcomes[0].Purchase) {
		w.Errorf("the repeated order's receipt is %+v, want %+v", got, outcomes[0].Purchase)
	}
	if got := w.sold(concert); got != 3 {
		w.Errorf("sold %d, want 3", got)
	}
	w.balance()
}

func keyReplayed(w *world) {
	concert := w.concert(2)
	first := w.sell(keyed(concert, 2, "k"))[0].Purchase // the concert is sold out now
	for name, s := range map[string]Store{"the same handle": w, "another handle": w.open(nil)} {
		again := keyed(concert, 2, "k")
		got := w.sellOn(s, again)[0]
		if got.Status != sale.Replayed || !same(got.Purchase, first) {
			w.Errorf("repeated on %s: %+v, want the first receipt %+v", name, got, first)
		}
		if _, err := s.Purchase(w.Context(), again.ID); !errors.Is(err, sale.ErrNotFound) {
			w.Errorf("the id of the repeated order: %v, want no purchase", err)
		}
	}
	w.balance()
}

func keyReused(w *world) {
	concert, elsewhere := w.concert(10), w.concert(10)
	w.sell(keyed(concert, 2, "k"))
	email := keyed(concert, 2, "k")
	email.Email = "other@example.com"
	for name, o := range map[string]sale.Order{
		"concert":         keyed(elsewhere, 2, "k"),
		"unknown concert": keyed(unknownConcertID, 2, "k"),
		"e-mail":          email,
		"quantity":        keyed(concert, 1, "k"),
	} {
		if got := w.sell(o)[0]; got.Status != sale.KeyReused {
			w.Errorf("the key with another %s: %+v, want it rejected as reused", name, got)
		}
	}
	if got := w.sold(concert) + w.sold(elsewhere); got != 2 {
		w.Errorf("sold %d, want 2", got)
	}
	w.balance()
}

func keyOfSoldOut(w *world) {
	concert := w.concert(2)
	taken := order(concert, 2)
	w.sell(taken)
	if got := w.sell(keyed(concert, 1, "k"))[0]; got.Status != sale.SoldOut {
		w.Fatalf("outcome %+v, want sold out", got)
	}
	if _, err := w.PurchaseByKey(w.Context(), "k"); !errors.Is(err, sale.ErrNotFound) {
		w.Errorf("the key: %v, want it unknown", err)
	}
	if _, err := w.Refund(w.Context(), taken.ID); err != nil {
		w.Fatal(err)
	}
	if got := w.sell(keyed(concert, 2, "k"))[0]; got.Status != sale.Sold {
		w.Errorf("the key with another quantity, after the refund: %+v, want it sold", got)
	}
	w.balance()
}

func keyLookedUp(w *world) {
	concert := w.concert(10)
	o := keyed(concert, 2, "Key-1")
	receipt := w.sell(o, order(concert, 1))[0].Purchase
	got, err := w.open(nil).PurchaseByKey(w.Context(), "Key-1")
	if err != nil || !same(got, receipt) {
		w.Errorf("purchase by key: %+v, %v, want %+v", got, err, receipt)
	}
	for _, key := range []string{"key-1", "Key-1 ", "Key-", "%", ""} {
		if got, err := w.PurchaseByKey(w.Context(), key); !errors.Is(err, sale.ErrNotFound) {
			w.Errorf("key %q: %+v, %v, want not found", key, got, err)
		}
	}
	if got := w.sell(keyed(concert, 1, "key-1"))[0]; got.Status != sale.Sold {
		w.Errorf("a key that differs in case: %+v, want it sold", got)
	}
}
