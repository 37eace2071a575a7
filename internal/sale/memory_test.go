package sale_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

// memory is a ledger in memory. Tests can change the result of each run. It has only the
// methods that the Seller calls; the rest of the interface is nil.
type memory struct {
	sale.Ledger

	mu        sync.Mutex
	capacity  int64
	purchases map[uuid.UUID]sale.Purchase
	batches   [][]sale.Order
	poison    string // an e-mail address that the ledger rejects
	pingErr   error
	readyErr  error

	// before runs before a batch is written, and after runs after it. Sell returns an
	// error of either. Both may block. Runs are numbered from 1.
	before, after func(ctx context.Context, run int, orders []sale.Order) error
}

func newMemory(capacity int64) *memory {
	return &memory{capacity: capacity, purchases: map[uuid.UUID]sale.Purchase{}}
}

var errPing = errors.New("no route to host")

func (m *memory) Ping(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pingErr
}

func (m *memory) TryWrite(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.readyErr
}

func (m *memory) setReady(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readyErr = err
}

func (m *memory) setPing(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pingErr = err
}

func (m *memory) Sell(ctx context.Context, b sale.Batch) ([]sale.Outcome, error) {
	m.mu.Lock()
	m.batches = append(m.batches, slices.Clone(b.Orders))
	run := len(m.batches)
	m.mu.Unlock()

	if m.before != nil {
		if err := m.before(ctx, run, b.Orders); err != nil {
			return nil, err
		}
	}
	outcomes, err := m.commit(b)
	if err == nil && m.after != nil {
		err = m.after(ctx, run, b.Orders)
	}
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

func (m *memory) commit(b sale.Batch) ([]sale.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r sale.Records
	r.AddConcert(1, m.capacity, m.soldLocked())
	for _, p := range m.purchases {
		r.AddPurchase(p)
	}
	for _, o := range b.Orders {
		if m.poison != "" && o.Email == m.poison {
			return nil, sale.ErrRefused
		}
		if _, written := m.purchases[o.ID]; written && !b.Rerun {
			return nil, sale.ErrConflict
		}
	}
	outcomes, sold := sale.Decide(b.Orders, &r, time.Now())
	for _, p := range sold {
		m.purchases[p.ID] = p
	}
	return outcomes, nil
}

func (m *memory) soldLocked() int64 {
	return sale.Totals(slices.Collect(maps.Values(m.purchases)))[1]
}

// written returns a copy of the purchases.
func (m *memory) written() map[uuid.UUID]sale.Purchase {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.purchases)
}

// sizes returns the number of orders in each run so far.
func (m *memory) sizes() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	sizes := make([]int, len(m.batches))
	for i, b := range m.batches {
		sizes[i] = len(b)
	}
	return sizes
}
