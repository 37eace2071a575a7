package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

// A rush: orders for 600 tickets of a concert with 100.
const (
	rushBuyers   = 200
	rushCapacity = 100
)

// bought is one buyer's result of a rush.
type bought struct {
	order    sale.Order
	outcome  sale.Outcome
	refunded sale.Purchase // zero unless the buyer requested a refund
	err      error
}

// rush makes all buyers order 1 to 5 tickets each at the same time, spread over the
// sellers. If refund is not nil, every third buyer with tickets refunds them.
func rush(ctx context.Context, concert int64, sellers []seller, refund func(context.Context, uuid.UUID) (sale.Purchase, error)) []bought {
	results := make([]bought, rushBuyers)
	var ready, done sync.WaitGroup
	ready.Add(rushBuyers)
	for i := range results {
		done.Go(func() {
			b := &results[i]
			b.order = order(concert, i%5+1)
			ready.Done()
			ready.Wait() // all start together
			b.outcome, b.err = insistSell(ctx, sellers[i%len(sellers)], b.order)
			if b.err == nil && b.outcome.Status == sale.Sold && refund != nil && i%3 == 0 {
				b.refunded, b.err = refund(ctx, b.order.ID)
			}
		})
	}
	done.Wait()
	return results
}

func race(w *world) {
	concert := w.concert(rushCapacity)
	other := w.open(nil)
	results := rush(w.Context(), concert, []seller{w, other}, func(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
		return insistRefund(ctx, other, id)
	})

	rows := make(map[uuid.UUID]sale.Purchase)
	var live int64
	for _, p := range w.purchases() {
		rows[p.ID] = p
		if p.Live() {
			live += int64(p.Quantity)
		}
	}
	var soldOut int
	for _, b := range results {
		row, written := rows[b.order.ID]
		delete(rows, b.order.ID)
		switch {
		case b.err != nil:
			w.Errorf("order %s: %v", b.order.ID, b.err)
		case b.outcome.Status == sale.SoldOut:
			soldOut++
			if written || b.outcome.Left >= int64(b.order.Quantity) {
				w.Errorf("order %+v has outcome %+v and row %+v", b.order, b.outcome, row)
			}
		case b.outcome.Status != sale.Sold || !written:
			w.Errorf("order %+v has outcome %+v and row %+v", b.order, b.outcome, row)
		case !b.refunded.Live():
			if !same(row, b.refunded) {
				w.Errorf("refund returned %+v, and the row is %+v", b.refunded, row)
			}
		case !same(row, b.outcome.Purchase) || !row.Answers(b.order):
			w.Errorf("order %+v has receipt %+v and row %+v", b.order, b.outcome.Purchase, row)
		}
	}
	if len(rows) != 0 {
		w.Errorf("purchases that nobody ordered: %v", rows)
	}
	if soldOut == 0 {
		w.Error("no order was sold out: the buyers did not race")
	}
	if sold := w.sold(concert); sold != live || sold > rushCapacity {
		w.Errorf("sold %d, live purchases %d, capacity %d", sold, live, rushCapacity)
	}
	w.balance()
}

func refundsRace(w *world) {
	const capacity, buyers = 20, 40
	concert := w.concert(capacity)
	other := w.open(nil)
	var early []sale.Order
	for range capacity {
		early = append(early, order(concert, 1))
	}
	w.sell(early...)

	errs := make(chan error, buyers+2*capacity)
	var all sync.WaitGroup
	for i := range buyers {
		all.Go(func() {
			_, err := insistSell(w.Context(), []seller{w, other}[i%2], order(concert, i%3+1))
			errs <- err
		})
	}
	for _, o := range early {
		for _, s := range []Store{w, other} { // each is requested twice
			all.Go(func() {
				_, err := insistRefund(w.Context(), s, o.ID)
				errs <- err
			})
		}
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			w.Error(err)
		}
	}
	if sold := w.sold(concert); sold > capacity {
		w.Errorf("sold %d of %d", sold, capacity)
	}
	w.balance()
}

func refundRace(w *world) {
	const callers = 16
	concert := w.concert(10)
	other := w.open(nil)
	o := order(concert, 4)
	w.sell(o, order(concert, 3))

	answers, errs := make([]sale.Purchase, callers), make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { answers[i], errs[i] = insistRefund(w.Context(), []Store{w, other}[i%2], o.ID) })
	}
	all.Wait()
	for i := range callers {
		if errs[i] != nil || answers[i].Live() || !same(answers[i], answers[0]) {
			w.Errorf("caller %d got %+v, %v, and caller 0 got %+v", i, answers[i], errs[i], answers[0])
		}
	}
	if got := w.sold(concert); got != 3 {
		w.Errorf("sold %d, want 3: the tickets go back once", got)
	}
	w.balance()
}

func keyRace(w *world) {
	const rounds = 10
	handles := []Store{w, w.open(nil)}
	concerts := []int64{w.concert(1000), w.concert(1000)}
	for round := range rounds {
		// The first two orders use the key for two concerts, the others repeat them.
		key := fmt.Sprintf("key %d", round)
		outcomes, errs := make([]sale.Outcome, 4), make([]error, 4)
		var all sync.WaitGroup
		for i := range outcomes {
			all.Go(func() {
				outcomes[i], errs[i] = insistSell(w.Context(), handles[i%2], keyed(concerts[i%2], 1, key))
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			w.Fatalf("round %d: %v", round, err)
		}
		count := make(map[sale.Status]int)
		for _, s := range statuses(outcomes) {
			count[s]++
		}
		if count[sale.Sold] != 1 || count[sale.Replayed] != 1 || count[sale.KeyReused] != 2 {
			w.Errorf("round %d: %v, want one sold, one replayed, and two rejected because the key is reused", round, statuses(outcomes))
		}
	}
	if got := w.sold(concerts[0]) + w.sold(concerts[1]); got != rounds {
		w.Errorf("sold %d, want %d, one per round", got, rounds)
	}
	w.balance()
}

// lastTicketRace repeats one order for the last ticket on two handles at once. No caller
// gets "sold out", because the key has bought the ticket.
func lastTicketRace(w *world) {
	const rounds, callers = 10, 6
	handles := []Store{w, w.open(nil)}
	for round := range rounds {
		concert, key := w.concert(1), fmt.Sprintf("key %d", round)
		outcomes, errs := make([]sale.Outcome, callers), make([]error, callers)
		var ready, all sync.WaitGroup
		ready.Add(callers)
		for i := range callers {
			all.Go(func() {
				o := keyed(concert, 1, key)
				ready.Done()
				ready.Wait()
				outcomes[i], errs[i] = insistSell(w.Context(), handles[i%2], o)
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			w.Fatalf("round %d: %v", round, err)
		}
		count := make(map[sale.Status]int)
		for _, s := range statuses(outcomes) {
			count[s]++
		}
		if count[sale.Sold] != 1 || count[sale.Replayed] != callers-1 {
			w.Errorf("round %d: %v, want one sold and the others replayed", round, statuses(outcomes))
		}
	}
	w.balance()
}
