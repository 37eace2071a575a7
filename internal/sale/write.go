package sale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Limits of the write loop.
const (
	// runLimit is the time limit of one run of a batch. A run that reaches it waits
	// for a slow disk or standby; if the database did not answer at all, the run
	// would have been cancelled earlier.
	runLimit = 5 * time.Second
	// UnknownLimit is how long a batch whose COMMIT got no answer is rerun before
	// its buyers get ErrOutcomeUnknown.
	UnknownLimit = 5 * time.Second
	// awayLimit is how long an unwritten batch is rerun while the database is
	// unavailable. It is short, so that buyers get their 503 within a second.
	awayLimit = 800 * time.Millisecond
	// conflictLimit is how long a batch is rerun because of conflicts with other
	// writers. It is longer than the stores' lock timeout of 2 s.
	conflictLimit = 5 * time.Second
	// rerunPause is the first pause between runs; it doubles up to rerunPauseMax.
	// The first rerun of a batch that was not written has no pause.
	rerunPause    = 10 * time.Millisecond
	rerunPauseMax = 200 * time.Millisecond
)

// write is the loop that turns the queue into batches, one at a time.
func (s *Seller) write() {
	for {
		batch := s.next(s.options.MaxBatch)
		if len(batch) > 0 {
			s.run(batch)
			continue
		}
		if s.depth() > 0 {
			continue // all buyers of the batch had disconnected
		}
		select {
		case <-s.wake:
		case <-s.stop:
			if s.depth() == 0 {
				return
			}
		}
	}
}

// run writes a batch and answers its buyers. A batch of unknown outcome is resolved in
// another goroutine, so that it does not delay the waiting orders.
func (s *Seller) run(batch []*pending) {
	outcomes, err := s.sell(batch)
	switch {
	case errors.Is(err, ErrRefused) && len(batch) > 1:
		s.split(batch)
	case errors.Is(err, ErrOutcomeUnknown):
		s.log.Warn("outcome of batch unknown, rerunning it", "orders", len(batch), "error", err)
		s.writing.Go(func() { s.resolve(batch) })
	case errors.Is(err, ErrUnavailable):
		// The waiting orders would get the same error, only later.
		s.fail(batch, err)
		s.fail(s.next(s.options.QueueLimit), err)
	default:
		s.answer(batch, outcomes, err)
	}
}

// sell runs a batch until it is written, its outcome is unknown, or a retry is pointless.
func (s *Seller) sell(batch []*pending) ([]Outcome, error) {
	start := time.Now()
	b := Batch{Orders: orders(batch)}
	for pause := time.Duration(0); ; pause = nextPause(pause) {
		outcomes, err := s.attempt(b)
		limit, again := time.Duration(0), false
		switch {
		case errors.Is(err, ErrConflict):
			limit, again = conflictLimit, true
		case errors.Is(err, ErrUnavailable):
			limit, again = awayLimit, true
		}
		if !again {
			return outcomes, err
		}
		if time.Since(start)+pause >= limit || s.health.reason() != nil || !sleep(s.health.ctx, pause) {
			return nil, fmt.Errorf("gave up after %s: %w", time.Since(start).Round(time.Millisecond), err)
		}
		b.Rerun = true
		s.metrics.rerun(err)
	}
}

// attempt runs a batch once, for as long as the database answers.
func (s *Seller) attempt(b Batch) ([]Outcome, error) {
	ctx, cancel := s.health.whileAvailable(runLimit)
	defer cancel()
	outcomes, err := s.measured(ctx, b)
	if err != nil && ctx.Err() != nil && !errors.Is(err, ErrOutcomeUnknown) {
		return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return outcomes, err
}

// measured runs a batch once and measures the run.
func (s *Seller) measured(ctx context.Context, b Batch) ([]Outcome, error) {
	start := time.Now()
	outcomes, err := s.ledger.Sell(ctx, b)
	s.metrics.batch(len(b.Orders), time.Since(start))
	if slices.ContainsFunc(outcomes, func(o Outcome) bool { return o.Status == Sold }) {
		s.health.wrote.Store(true)
	}
	if err == nil && len(outcomes) != len(b.Orders) {
		return nil, fmt.Errorf("sell %d orders: ledger answered %d", len(b.Orders), len(outcomes))
	}
	return outcomes, err
}

// split runs the halves of a batch that the database rejected, until the order that
// caused it is alone.
func (s *Seller) split(batch []*pending) {
	s.metrics.rerun(ErrRefused)
	half := len(batch) / 2
	s.run(batch[:half])
	s.run(batch[half:])
}

// resolve reruns a batch whose COMMIT got no answer, for UnknownLimit. The locks of a
// rerun make its answer final: either the first COMMIT succeeded and the rerun finds the
// orders, or that COMMIT will never happen.
func (s *Seller) resolve(batch []*pending) {
	ctx, cancel := context.WithTimeout(context.Background(), UnknownLimit)
	defer cancel()
	s.settle(ctx, batch)
}

// settle reruns a batch of unknown outcome until its buyers have their answers or the
// context ends.
//
// If the database rejects a rerun, at least one order was not found, because orders that
// are found are not written again. A batch is one transaction, so the first COMMIT did
// not happen. The orders are then rerun in halves until the order that caused the
// rejection is alone. Each half looks its orders up again, so that only the answer to
// that single order depends on this conclusion.
func (s *Seller) settle(ctx context.Context, batch []*pending) {
	b := Batch{Orders: orders(batch), Rerun: true}
	for pause := rerunPause; ; pause = nextPause(pause) {
		s.metrics.rerun(ErrOutcomeUnknown)
		outcomes, err := s.measured(ctx, b)
		switch {
		case err == nil:
			s.answer(batch, outcomes, nil)
			return
		case errors.Is(err, ErrRefused) && len(batch) > 1:
			half := len(batch) / 2
			s.settle(ctx, batch[:half])
			s.settle(ctx, batch[half:])
			return
		case errors.Is(err, ErrRefused):
			s.fail(batch, err)
			return
		}
		if !sleep(ctx, pause) {
			s.log.Error("outcome of batch still unknown", "orders", len(batch), "error", err)
			// Do not wrap the last error: it may mean that nothing was written, which
			// is true for the last run only.
			s.fail(batch, fmt.Errorf("%w: %v", ErrOutcomeUnknown, err)) //nolint:errorlint // see above
			return
		}
	}
}

// answer sends each buyer of a batch the order's outcome, or the error to all of them.
func (s *Seller) answer(batch []*pending, outcomes []Outcome, err error) {
	if err != nil {
		s.fail(batch, err)
		return
	}
	for i, p := range batch {
		p.answer <- answer{outcome: outcomes[i]}
	}
}

// fail sends every buyer of a batch the error.
func (s *Seller) fail(batch []*pending, err error) {
	if len(batch) == 0 {
		return
	}
	s.log.Warn("batch not written", "orders", len(batch), "error", err)
	for _, p := range batch {
		p.answer <- answer{err: err}
	}
}

func orders(batch []*pending) []Order {
	list := make([]Order, len(batch))
	for i, p := range batch {
		list[i] = p.order
	}
	return list
}

// nextPause doubles a pause within its bounds.
func nextPause(pause time.Duration) time.Duration {
	return min(max(2*pause, rerunPause), rerunPauseMax)
}

// sleep waits for d and returns true, or returns false as soon as the context ends.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
