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

// TestSimulation runs thousands of buyers of several sellers on one ledger, with random
// faults and in virtual time. A buyer without a definite answer retries the order with the
// same key. In the end, each buyer's answer must match the ledger, and no ticket may be
// sold twice. A failure prints the seed. It reproduces the random numbers, but not the
// order of goroutines.
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

// random is the random generator of one simulation. It is safe for concurrent use.
type random struct {
	mu sync.Mutex
	*rand.Rand
}

// next returns a random number in [0, 1).
func (d *random) next() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Float64()
}

func simulate(t *testing.T, seed uint64) {
	t.Helper()
	const capacity, buyers, sellers = 1500, 1000, 3
	d := &random{Rand: rand.New(rand.NewPCG(seed, 0))}
	m := newMemory(capacity)
	m.before = func(ctx context.Context, _ int, orders []sale.Order) error {
		time.Sleep(time.Duration(d.next() * float64(20*time.Millisecond)))
		switch p := d.next(); {
		case p < 0.1:
			return sale.ErrConflict
		case p < 0.2:
			return sale.ErrUnavailable
		case p < 0.25:
			return sale.ErrOutcomeUnknown // nothing was written
		case p < 0.27 && len(orders) > 1:
			return sale.ErrRefused
		}
		return ctx.Err()
	}
	m.after = func(ctx context.Context, _ int, _ []sale.Order) error {
		if sold := m.sold(); sold > capacity {
			t.Errorf("%d of %d tickets sold", sold, capacity)
		}
		if d.next() < 0.1 {
			return sale.ErrOutcomeUnknown // although it was written
		}
		return ctx.Err()
	}
	var outages sync.WaitGroup
	over := make(chan struct{})
	outages.Go(func() { // the database becomes unavailable and recovers
		for {
			select {
			case <-over:
				return
			default:
			}
			time.Sleep(time.Duration(d.next() * float64(4*time.Second)))
			m.setPing(errPing)
			time.Sleep(time.Duration(d.next() * float64(2*time.Second)))
			m.setPing(nil)
		}
	})

	var shops []*clients
	for range sellers {
		shops = append(shops, start(t, m, sale.Options{MaxBatch: 32, QueueLimit: 200}))
	}
	var all sync.WaitGroup
	for i := range buyers {
		o := order(t, fmt.Sprintf("buyer%d@example.com", i), 1+i%3)
		o.Key = fmt.Sprintf("key-%d", i)
		all.Go(func() { insist(t, d, shops, m, o) })
	}
	all.Wait()
	close(over)
	outages.Wait()
	if sold := m.sold(); sold > capacity || sold < capacity-2 {
		t.Errorf("%d of %d tickets sold, although buyers ordered more", sold, capacity)
	}
}

// insist retries an order at random sellers until it gets a definite answer, and compares
// that with the ledger.
func insist(t *testing.T, d *random, shops []*clients, m *memory, o sale.Order) {
	t.Helper()
	time.Sleep(time.Duration(d.next() * float64(10*time.Second)))
	for {
		o.ID = order(t, o.Email, o.Quantity).ID // each request has its own
		ctx, hangUp := context.WithTimeout(t.Context(), time.Duration(d.next()*float64(3*time.Second)))
		outcome, err := shops[int(d.next()*float64(len(shops)))].seller.Buy(ctx, o)
		hangUp()
		switch {
		case err == nil && outcome.Status == sale.SoldOut:
			if _, bought := m.boughtBy(o.Email); bought {
				t.Errorf("%s got sold out and has a purchase", o.Email)
			}
			return
		case err == nil:
			if p, bought := m.boughtBy(o.Email); !bought || p != outcome.Purchase || !p.Answers(o) {
				t.Errorf("%s got %+v, the ledger has %+v", o.Email, outcome, p)
			}
			return
		case errors.Is(err, sale.ErrRefused):
			t.Errorf("%s was rejected in a batch of its own", o.Email)
			return
		}
		time.Sleep(time.Duration(d.next() * float64(time.Second)))
	}
}

// sold returns the number of tickets of all purchases.
func (m *memory) sold() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.soldLocked()
}

// boughtBy returns the purchase of a buyer, and panics if there are two.
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
