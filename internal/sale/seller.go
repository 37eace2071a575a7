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

// Errors of [Seller.Buy] beside those of the [Ledger]. With either of them
// nothing was written.
var (
	// ErrBusy: the queue is full. Come again.
	ErrBusy = errors.New("queue is full")
	// ErrStopping: the seller takes no more orders.
	ErrStopping = errors.New("seller is stopping")
)

// Options of a [Seller]. The zero value of a field stands for its default.
type Options struct {
	// MaxBatch is the most orders written in one transaction, 256 by default.
	// More shares a disk flush among more orders and holds the row longer.
	MaxBatch int
	// QueueLimit is the most orders that wait for a batch, 8192 by default:
	// some 0.3 s of work at the rate that batches reach.
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

// Seller sells. Orders that arrive while a batch is being written wait in a
// bounded queue and form the next one, so that load makes the batches and a
// lone buyer never waits for company.
//
// Start it before the first Buy, and Stop it before the ledger is closed.
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

// pending is an order on its way through the queue.
type pending struct {
	order  Order
	ctx    context.Context
	state  atomic.Int32
	answer chan answer // takes the one answer without blocking
}

// The states of a pending order. Who moves it away from queued decides its
// fate: the write loop takes it, or the buyer who hung up withdraws it.
const (
	queued int32 = iota
	taken
	withdrawn
)

type answer struct {
	outcome Outcome
	err     error
}

// Start waits for a sign of life from the database and tries whether purchases
// can be written, for a few seconds at most, and begins to write batches. Before
// it, and until both succeed, the database counts as unavailable. The context
// bounds that wait alone.
//
// A seller that was stopped before does not start.
func (s *Seller) Start(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.health.start(ctx)
		s.writing.Go(s.write)
	}
}

// Buy writes the order, whose ID the caller has set by [NewID], with the next
// batch and returns what became of it. A buyer whose context ends before the
// batch is formed is not charged and gets the context's error; afterwards Buy
// waits for the truth: some ten seconds at most, if the database takes COMMIT
// and then keeps silent.
//
// Errors: ErrBusy, ErrStopping, ErrUnavailable, ErrRefused, ErrConflict,
// ErrOutcomeUnknown and the context's.
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

// Known looks up what the order's key has bought before. It reports false when
// the order has no key or the key has bought nothing yet.
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

// Ready returns nil if a purchase could be written when that was last tried, some
// 0.2 s ago and 2 s at most. Otherwise it returns what is in the way: an
// ErrUnavailable, and an [*ObstacleError] where the database answers.
func (s *Seller) Ready() error { return s.health.reason() }

// Wait notes why the seller is not started yet, which is what buyers are told
// until then.
func (s *Seller) Wait(reason error) { s.health.wait(reason) }

// Stop takes no more orders, writes those that wait, and returns when the last
// has its answer or the context ends.
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
		return err // at once, and without another knock at the database
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

// wakeUp leaves a token for the write loop; one is enough, however many orders wait.
func (s *Seller) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// depth returns how many orders wait.
func (s *Seller) depth() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// next takes up to limit orders off the queue, leaving out those whose buyers
// have hung up.
func (s *Seller) next(limit int) []*pending {
	s.mu.Lock()
	n := min(limit, len(s.waiting))
	batch := make([]*pending, n)
	copy(batch, s.waiting)
	rest := copy(s.waiting, s.waiting[n:])
	clear(s.waiting[rest:]) // the answered must not be kept alive
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
