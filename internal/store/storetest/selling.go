package storetest

import (
	"errors"
	"slices"

	"onsale/internal/sale"
)

func sellOut(w *world) {
	concert := w.concert(10)
	for _, quantity := range []int{4, 5, 1} {
		o := order(concert, quantity)
		got := w.sell(o)[0]
		if got.Status != sale.Sold || got.Purchase.ID != o.ID || !got.Purchase.Answers(o) || !got.Purchase.Live() {
			w.Fatalf("order %+v: %+v, want it sold", o, got)
		}
		if read, err := w.Purchase(w.Context(), o.ID); err != nil || !same(read, got.Purchase) {
			w.Errorf("purchase %+v, %v, want the receipt %+v", read, err, got.Purchase)
		}
	}
	if got := w.sell(order(concert, 1))[0]; got.Status != sale.SoldOut || got.Left != 0 {
		w.Errorf("one more: %+v, want sold out with none left", got)
	}
	if got := w.sold(concert); got != 10 {
		w.Errorf("sold %d, want 10", got)
	}
	w.balance()
}

func soldOutLeft(w *world) {
	concert := w.concert(10)
	refused := order(concert, 4)
	outcomes := w.sell(order(concert, 7), refused, order(concert, 2), order(concert, 4))
	want := []sale.Status{sale.Sold, sale.SoldOut, sale.Sold, sale.SoldOut}
	if !slices.Equal(statuses(outcomes), want) || outcomes[1].Left != 3 || outcomes[3].Left != 1 {
		w.Errorf("outcomes %+v, want %v with 3, then 1 left", outcomes, want)
	}
	if _, err := w.Purchase(w.Context(), refused.ID); !errors.Is(err, sale.ErrNotFound) {
		w.Errorf("the order that was sold out: %v, want no purchase", err)
	}
	w.balance()
}

func orderOfArrival(w *world) {
	concert := w.concert(3)
	var orders []sale.Order
	for range 5 {
		orders = append(orders, order(concert, 1))
	}
	slices.Reverse(orders) // not in the order of their ids
	got := statuses(w.sell(orders...))
	want := []sale.Status{sale.Sold, sale.Sold, sale.Sold, sale.SoldOut, sale.SoldOut}
	if !slices.Equal(got, want) {
		w.Errorf("outcomes %v, want %v", got, want)
	}
}

func severalConcerts(w *world) {
	first, second, third := w.concert(1), w.concert(2), w.concert(3)
	got := statuses(w.sell(
		order(third, 2), order(first, 1), order(unknownConcertID, 1), order(second, 2), order(first, 1), order(third, 1)))
	want := []sale.Status{sale.Sold, sale.Sold, sale.NotFound, sale.Sold, sale.SoldOut, sale.Sold}
	if !slices.Equal(got, want) {
		w.Errorf("outcomes %v, want %v", got, want)
	}
	for concert, sold := range map[int64]int64{first: 1, second: 2, third: 3} {
		if got := w.sold(concert); got != sold {
			w.Errorf("concert %d sold %d, want %d", concert, got, sold)
		}
	}
	w.balance()
}

func emptyBatch(w *world) {
	if got := w.sell(); len(got) != 0 {
		w.Errorf("outcomes %v of no orders", got)
	}
}

func rerunWritten(w *world) {
	concert := w.concert(10)
	orders := []sale.Order{order(concert, 2), keyed(concert, 3, "a key"), order(concert, 4)}
	first := w.sell(orders...)
	for name, s := range map[string]Store{"the same handle": w, "another handle": w.open(nil)} {
		again := w.runOn(s, sale.Batch{Orders: orders, Rerun: true})
		for i := range orders {
			if again[i].Status != sale.Sold || !same(again[i].Purchase, first[i].Purchase) {
				w.Errorf("order %d in a rerun on %s: %+v, want %+v", i, name, again[i], first[i])
			}
		}
	}
	if got := w.sold(concert); got != 9 {
		w.Errorf("sold %d, want 9", got)
	}
	if got := w.purchases(); len(got) != len(orders) {
		w.Errorf("%d purchases, want %d", len(got), len(orders))
	}
	w.balance()
}

func rerunHalfWritten(w *world) {
	concert := w.concert(10)
	written, fresh := order(concert, 6), order(concert, 4)
	first := w.sell(written)[0]
	outcomes := w.runOn(w, sale.Batch{Orders: []sale.Order{fresh, written, order(concert, 1)}, Rerun: true})
	want := []sale.Status{sale.Sold, sale.Sold, sale.SoldOut}
	if !slices.Equal(statuses(outcomes), want) || !same(outcomes[1].Purchase, first.Purchase) {
		w.Errorf("outcomes %+v, want %v and the first receipt %+v", outcomes, want, first.Purchase)
	}
	w.balance()
}

func firstRunConflicts(w *world) {
	concert := w.concert(10)
	written, fresh := order(concert, 1), order(concert, 2)
	first := w.sell(written)[0]
	b := sale.Batch{Orders: []sale.Order{fresh, written}}
	if outcomes, err := w.Sell(w.Context(), b); !errors.Is(err, sale.ErrConflict) {
		w.Fatalf("first run with a written id: %v, %v, want a conflict", outcomes, err)
	}
	if _, err := w.Purchase(w.Context(), fresh.ID); !errors.Is(err, sale.ErrNotFound) {
		w.Errorf("the other order of the batch: %v, want no purchase", err)
	}
	if got := w.sold(concert); got != 1 {
		w.Errorf("sold %d after the conflict, want 1", got)
	}
	b.Rerun = true
	outcomes := w.runOn(w, b)
	if want := []sale.Status{sale.Sold, sale.Sold}; !slices.Equal(statuses(outcomes), want) ||
		!same(outcomes[1].Purchase, first.Purchase) {
		w.Errorf("run again: %+v, want both sold and the first receipt %+v", outcomes, first.Purchase)
	}
	w.balance()
}
