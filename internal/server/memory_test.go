package server_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"onsale/internal/fault"
	"onsale/internal/sale"
)

// memory is a ledger in memory that applies the rules of the sale, and its own seller with
// batches of one order. Tests change its behaviour with hooks.
type memory struct {
	mu        sync.Mutex
	now       func() time.Time
	concerts  map[int64]sale.Concert
	purchases map[uuid.UUID]sale.Purchase
	bought    []sale.Order // every order that reached Buy
	lists     int          // calls of Concerts

	// before runs before every call of the server, without the lock. The call
	// returns its error.
	before func(ctx context.Context, call string) error
	// linger runs in Concerts after the read and before the return.
	linger func()
	// replicas is the result of Replicas.
	replicas []fault.Replica
	away     bool // Ready returns ErrUnavailable
	// obstacle is the result of Ready if it is not nil.
	obstacle error
}

var _ sale.Ledger = (*memory)(nil)

func newMemory() *memory {
	return &memory{now: time.Now, concerts: map[int64]sale.Concert{}, purchases: map[uuid.UUID]sale.Purchase{}}
}

// hook sets the function that runs before every call.
func (m *memory) hook(before func(ctx context.Context, call string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

// enter runs the hook, and locks the mutex if the hook returns nil.
func (m *memory) enter(ctx context.Context, call string) error {
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()
	if before != nil {
		if err := before(ctx, call); err != nil {
			return err
		}
	}
	m.mu.Lock()
	return nil
}

func (m *memory) CreateConcert(ctx context.Context, c sale.NewConcert) (sale.Concert, error) {
	if err := m.enter(ctx, "CreateConcert"); err != nil {
		return sale.Concert{}, err
	}
	defer m.mu.Unlock()
	id := int64(len(m.concerts) + 1)
	m.concerts[id] = sale.Concert{
		ID: id, Title: c.Title, Date: c.Date, Venue: c.Venue, Capacity: c.Capacity, CreatedAt: m.now(),
	}
	return m.concerts[id], nil
}

func (m *memory) Concert(ctx context.Context, id int64) (sale.Concert, error) {
	if err := m.enter(ctx, "Concert"); err != nil {
		return sale.Concert{}, err
	}
	defer m.mu.Unlock()
	c, ok := m.concerts[id]
	if !ok {
		return c, sale.ErrNotFound
	}
	return c, nil
}

func (m *memory) Concerts(ctx context.Context) ([]sale.Concert, error) {
	if err := m.enter(ctx, "Concerts"); err != nil {
		return nil, err
	}
	m.lists++
	list := slices.SortedFunc(maps.Values(m.concerts), func(a, b sale.Concert) int { return cmp.Compare(a.ID, b.ID) })
	linger := m.linger
	m.mu.Unlock()
	if linger != nil {
		linger()
	}
	return list, nil
}

func (m *memory) Sell(ctx context.Context, b sale.Batch) ([]sale.Outcome, error) {
	if err := m.enter(ctx, "Sell"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var records sale.Records
	for _, c := range m.concerts {
		records.AddConcert(c.ID, c.Capacity, c.Sold)
	}
	for _, p := range m.purchases {
		records.AddPurchase(p)
	}
	outcomes, sold := sale.Decide(b.Orders, &records, m.now())
	for _, p := range sold {
		m.purchases[p.ID] = p
		m.add(p.ConcertID, p.Quantity)
	}
	return outcomes, nil
}

// add changes the counter of a concert. The caller holds the lock.
func (m *memory) add(concertID int64, tickets int) {
	c := m.concerts[concertID]
	c.Sold += int64(tickets)
	m.concerts[concertID] = c
}

func (m *memory) Purchase(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	if err := m.enter(ctx, "Purchase"); err != nil {
		return sale.Purchase{}, err
	}
	defer m.mu.Unlock()
	p, ok := m.purchases[id]
	if !ok {
		return p, sale.ErrNotFound
	}
	return p, nil
}

func (m *memory) PurchaseByKey(ctx context.Context, key string) (sale.Purchase, error) {
	if err := m.enter(ctx, "PurchaseByKey"); err != nil {
		return sale.Purchase{}, err
	}
	defer m.mu.Unlock()
	for _, p := range m.purchases {
		if p.Key == key {
			return p, nil
		}
	}
	return sale.Purchase{}, sale.ErrNotFound
}

func (m *memory) Purchases(ctx context.Context, concertID int64, after uuid.UUID, limit int) ([]sale.Purchase, error) {
	if err := m.enter(ctx, "Purchases"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var list []sale.Purchase
	for _, p := range m.purchases {
		if (concertID == 0 || p.ConcertID == concertID) && p.ID.String() > after.String() {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b sale.Purchase) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return list[:min(limit, len(list))], nil
}

func (m *memory) Refund(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	if err := m.enter(ctx, "Refund"); err != nil {
		return sale.Purchase{}, err
	}
	defer m.mu.Unlock()
	p, ok := m.purchases[id]
	if !ok {
		return p, sale.ErrNotFound
	}
	if p.Live() {
		p.RefundedAt = m.now()
		m.purchases[id] = p
		m.add(p.ConcertID, -p.Quantity)
	}
	return p, nil
}

func (m *memory) Books(ctx context.Context) (sale.Books, error) {
	if err := m.enter(ctx, "Books"); err != nil {
		return sale.Books{}, err
	}
	defer m.mu.Unlock()
	var books sale.Books
	for _, id := range slices.Sorted(maps.Keys(m.concerts)) {
		line := sale.ConcertBooks{ConcertID: id, Capacity: m.concerts[id].Capacity, Sold: m.concerts[id].Sold}
		for _, p := range m.purchases {
			if p.ConcertID == id && p.Live() {
				line.Purchased += int64(p.Quantity)
			}
		}
		books.Concerts = append(books.Concerts, line)
	}
	return books, nil
}

func (m *memory) TryWrite(context.Context) error { return m.Ready() }

func (m *memory) Ping(ctx context.Context) error {
	if err := m.enter(ctx, "Ping"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	return nil
}

func (m *memory) Replicas(ctx context.Context) ([]fault.Replica, error) {
	if err := m.enter(ctx, "Replicas"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.replicas, nil
}

// Buy sells a batch of one.
func (m *memory) Buy(ctx context.Context, o sale.Order) (sale.Outcome, error) {
	if err := m.enter(ctx, "Buy"); err != nil {
		return sale.Outcome{}, err
	}
	m.bought = append(m.bought, o)
	m.mu.Unlock()
	outcomes, err := m.Sell(ctx, sale.Batch{Orders: []sale.Order{o}})
	if err != nil {
		return sale.Outcome{}, err
	}
	return outcomes[0], nil
}

// Known looks the order's key up.
func (m *memory) Known(ctx context.Context, o sale.Order) (sale.Outcome, bool, error) {
	p, err := m.PurchaseByKey(ctx, o.Key)
	switch {
	case err != nil && err != sale.ErrNotFound: //nolint:errorlint // this ledger does not wrap it
		return sale.Outcome{}, false, err
	case err != nil:
		return sale.Outcome{}, false, nil
	case !p.Answers(o):
		return sale.Outcome{Status: sale.KeyReused}, true, nil
	}
	return sale.Outcome{Status: sale.Replayed, Purchase: p}, true, nil
}

// Ready returns the error that prevents purchases, or nil.
func (m *memory) Ready() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.obstacle != nil {
		return m.obstacle
	}
	if m.away {
		return sale.ErrUnavailable
	}
	return nil
}

// orders returns the orders that reached Buy.
func (m *memory) orders() []sale.Order {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.bought)
}
