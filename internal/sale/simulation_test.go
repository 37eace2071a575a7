package sale_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/sale"
)

// TestSimulation lets thousands of buyers of several sellers on one ledger
// meet everything that can go wrong, at random and in virtual time. Whoever is
// not told for certain repeats the order under its key. In the end each buyer
// has what they were told, and never was a ticket sold twice. A failure prints
// the seed, which repeats the dice though not the order of goroutines.
func TestSimulation(t *testing.T) {
	t.Parallel()
	for range 4 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { simulate(t, seed) })
		})
	}
}

// dice are the dice of one simulation.
type dice struct {
	mu sync.Mutex
	*rand.Rand
}

func (d *dice) roll() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Float64()
}

func simulate(t *testing.T, seed uint64) {
	t.Helper()
	const capacity, buyers, sellers = 1500, 1000, 3
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 0))}
	m := newMemory(capacity)
	m.before = func(ctx context.Context, _ int, orders []sale.Order) error {
		time.Sleep(time.Duration(d.roll() * float64(20*time.Millisecond)))
		switch p := d.roll(); {
		case p < 0.1:
			return sale.ErrConflict
		case p < 0.2:
			return sale.ErrUnavailable
		case p < 0.25:
			return sale.ErrOutcomeUnknown // and it never happened
		case p < 0.27 && len(orders) > 1:
			return sale.ErrRefused
		}
		return ctx.Err()
	}
	m.after = func(ctx context.Context, _ int, _ []sale.Order) error {
		if sold := m.sold(); sold > capacity {
			t.Errorf("%d of %d tickets sold", sold, capacity)
		}
		if d.roll() < 0.1 {
			return sale.ErrOutcomeUnknown // though it did happen
		}
		return ctx.Err()
	}
	var weather sync.WaitGroup
	over := make(chan struct{})
	weather.Go(func() { // the database comes and goes
		for {
			select {
			case <-over:
				return
			default:
			}
			time.Sleep(time.Duration(d.roll() * float64(4*time.Second)))
			m.setPing(errPing)
			time.Sleep(time.Duration(d.roll() * float64(2*time.Second)))
			m.setPing(nil)
		}
	})

	var crowds []*crowd
	for range sellers {
		crowds = append(crowds, start(t, m, sale.Options{MaxBatch: 32, QueueLimit: 200}))
	}
	var all sync.WaitGroup
	for i := range buyers {
		o := order(t, fmt.Sprintf("buyer%d@example.com", i), 1+i%3)
		o.Key = fmt.Sprintf("key-%d", i)
		all.Go(func() { insist(t, d, crowds, m, o) })
	}
	all.Wait()
	close(over)
	weather.Wait()
	if sold := m.sold(); sold > capacity || sold < capacity-2 {
		t.Errorf("%d of %d tickets sold to buyers who asked for more", sold, capacity)
	}
}

// insist repeats an order, at any seller, until it is told for certain what
// became of it, and checks that against the ledger.
func insist(t *testing.T, d *dice, crowds []*crowd, m *memory, o sale.Order) {
	t.Helper()
	time.Sleep(time.Duration(d.roll() * float64(10*time.Second)))
	for {
		o.ID = order(t, o.Email, o.Quantity).ID // each request has its own
		ctx, hangUp := context.WithTimeout(t.Context(), time.Duration(d.roll()*float64(3*time.Second)))
		outcome, err := crowds[int(d.roll()*float64(len(crowds)))].seller.Buy(ctx, o)
		hangUp()
		switch {
		case err == nil && outcome.Status == sale.SoldOut:
			if _, bought := m.boughtBy(o.Email); bought {
				t.Errorf("%s was told sold out and has a purchase", o.Email)
			}
			return
		case err == nil:
			if p, bought := m.boughtBy(o.Email); !bought || p != outcome.Purchase || !p.Answers(o) {
				t.Errorf("%s was told %+v, the ledger has %+v", o.Email, outcome, p)
			}
			return
		case errors.Is(err, sale.ErrRefused):
			t.Errorf("%s was refused alone", o.Email)
			return
		}
		time.Sleep(time.Duration(d.roll() * float64(time.Second)))
	}
}

// sold returns how many tickets the purchases take.
func (m *memory) sold() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.soldLocked()
}

// boughtBy returns the only purchase of a buyer. Two would be found by their
// tickets, of which there are too many then, or by their key.
func (m *memory) boughtBy(email string) (found sale.Purchase, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.purchases {
		if p.Email != email {
			continue
		}
		if ok {
			panic(email + " has two purchases")
		}
		found, ok = p, true
	}
	return found, ok
}
