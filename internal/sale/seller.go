package sale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Errors of [Seller.Buy] in addition to those of the [Ledger]. Both mean that nothing was
// written.
var (
	// ErrBusy: the queue is full; retry later.
	ErrBusy = errors.New("queue is full")
	// ErrStopping: the seller accepts no more orders.
	ErrStopping = errors.New("seller is stopping")
)

// Options of a [Seller]. A zero field means its default.
type Options struct {
	// MaxBatch is the maximum number of orders in one transaction, 256 by default. A
	// larger batch shares a disk flush among more orders, but locks the row longer.
	MaxBatch int
	// QueueLimit is the maximum number of orders waiting for a batch, 8192 by
	// default. At full throughput that is about 0.3 s of work.
	QueueLimit int
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() (Options, error) {
	if o.MaxBatch == 0 {
		o.MaxBatch = 256
	}
	if o.QueueLimit == 0 {
		o.QueueLimit = 8192
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	if o.MaxBatch < 1 || o.MaxBatch > 4096 {
		return o, fmt.Errorf("max batch must be between 1 and 4096, not %d", o.MaxBatch)
	}
	if o.QueueLimit < 1 {
		return o, fmt.Errorf("queue limit must be at least 1, not %d", o.QueueLimit)
	}
	return o, nil
}

// Seller writes orders in batches. Orders that arrive while a batch is being written wait
// in a bounded queue and form the next batch. Batches therefore grow with the load, and a
// single buyer's order is written immediately.
//
// Call Start before the first Buy, and Stop before the ledger is closed.
type Seller struct {
	ledger  Ledger
	options Options
	log     *slog.Logger
	metrics *metrics
	health  *health

	mu       sync.Mutex
	waiting  []*pending // in order of arrival
	stopping bool
	wake     chan struct{} // holds one token while waiting may be non-empty

	writing sync.WaitGroup // the write loop and the batches of unknown outcome
	stop    chan struct{}
}

// NewSeller returns a seller that writes to the ledger.
func NewSeller(ledger Ledger, o Options) (*Seller, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Seller{
		ledger:  ledger,
		options: o,
		log:     o.Logger.With("component", "seller"),
		wake:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
	}
	s.metrics = newMetrics(o.Registerer, s)
	s.health = newHealth(ledger, s.log)
	return s, nil
}

// pending is an order in the queue or in a batch.
type pending struct {
	order  Order
	ctx    context.Context
	state  atomic.Int32
	answer chan answer // has room for the one answer
}

// The states of a pending order. Whichever goroutine changes it from queued decides: the
// write loop takes it, or the goroutine of a buyer that disconnected withdraws it.
const (
	queued int32 = iota
	taken
	withdrawn
)

type answer struct {
	outcome Outcome
	err     error
}

// Start checks, for a few seconds at most, whether the database answers and whether
// purchases can be written. Then it starts to write batches. Until both checks succeed,
// the database counts as unavailable. The context limits only the duration of Start.
//
// A seller that was stopped does not start again.
func (s *Seller) Start(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.health.start(ctx)
		s.writing.Go(s.write)
	}
}

// Buy writes the order with the next batch and returns its outcome. The order's ID must
// come from [NewID]. If the context ends before the batch is formed, the buyer is not
// charged and gets the context's error. After that, Buy waits for the outcome even if the
// context ends: at most about ten seconds, if the database accepts COMMIT and then stops
// answering.
//
// Errors: ErrBusy, ErrStopping, ErrUnavailable, ErrRefused, ErrConflict,
// ErrOutcomeUnknown and the context's error.
func (s *Seller) Buy(ctx context.Context, o Order) (Outcome, error) {
	p := &pending{order: o, ctx: ctx, answer: make(chan answer, 1)}
	if err := s.enqueue(p); err != nil {
		return Outcome{}, err
	}
	select {
	case a := <-p.answer:
		return a.outcome, a.err
	case <-ctx.Done():
	}
	if p.state.CompareAndSwap(queued, withdrawn) {
		return Outcome{}, fmt.Errorf("wait for a batch: %w", context.Cause(ctx))
	}
	a := <-p.answer
	return a.outcome, a.err
}

// Known looks up the purchase that was made with the order's key. It reports false if the
// order has no key or the key was not used yet.
func (s *Seller) Known(ctx context.Context, o Order) (Outcome, bool, error) {
	if o.Key == "" {
		return Outcome{}, false, nil
	}
	if err := s.health.silent(); err != nil {
		return Outcome{}, false, err
	}
	p, err := s.ledger.PurchaseByKey(ctx, o.Key)
	if errors.Is(err, ErrNotFound) {
		return Outcome{}, false, nil
	}
	if err != nil {
		return Outcome{}, false, fmt.Errorf("look up idempotency key: %w", err)
	}
	return replay(o, p), true, nil
}

// Ready returns nil if a purchase could be written at the last check, which was about
// 0.2 s ago and at most 2 s. Otherwise it returns an ErrUnavailable, which is an
// [*ObstacleError] if the database answers.
func (s *Seller) Ready() error { return s.health.reason() }

// Wait sets the reason why the seller is not started yet. Buyers get it as an
// ErrUnavailable until Start.
func (s *Seller) Wait(reason error) { s.health.wait(reason) }

// Stop rejects new orders, writes the waiting ones, and returns when all are answered or
// the context ends.
func (s *Seller) Stop(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopping {
		s.stopping = true
		close(s.stop)
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		defer close(done)
		s.writing.Wait()
		s.health.stop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop seller with %d orders waiting: %w", s.depth(), context.Cause(ctx))
	}
}

func (s *Seller) enqueue(p *pending) error {
	if err := s.health.reason(); err != nil {
		return err // at once, without a call to the database
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return ErrStopping
	case len(s.waiting) >= s.options.QueueLimit:
		return ErrBusy
	}
	s.waiting = append(s.waiting, p)
	if len(s.waiting) == 1 {
		s.wakeUp()
	}
	return nil
}

// wakeUp wakes the write loop. One token is enough for any number of waiting orders.
func (s *Seller) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// depth returns the number of waiting orders.
func (s *Seller) depth() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// next removes up to limit orders from the queue and returns those whose buyers are still
// connected.
func (s *Seller) next(limit int) []*pending {
	s.mu.Lock()
	n := min(limit, len(s.waiting))
	batch := make([]*pending, n)
	copy(batch, s.waiting)
	rest := copy(s.waiting, s.waiting[n:])
	clear(s.waiting[rest:]) // let the garbage collector free answered orders
	s.waiting = s.waiting[:rest]
	s.mu.Unlock()

	live := batch[:0]
	for _, p := range batch {
		if p.ctx.Err() == nil && p.state.CompareAndSwap(queued, taken) {
			live = append(live, p)
		}
	}
	return live
}
