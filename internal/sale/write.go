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
	// runLimit is how long one run of a batch may take. The database is alive
	// then, or it would have been cut short before, but the disk or a standby
	// keeps it waiting.
	runLimit = 5 * time.Second
	// UnknownLimit is how long a batch whose COMMIT was cut off is run again
	// before its buyers are told that the outcome is unknown.
	UnknownLimit = 5 * time.Second
	// awayLimit is how long a batch of which nothing was written is run again
	// against a database that is away. Buyers have their 503 within a second.
	awayLimit = 800 * time.Millisecond
	// conflictLimit is how long a batch is run again because other writers
	// stand in the way; it outlasts the stores' lock time-out of 2 s.
	conflictLimit = 5 * time.Second
	// rerunPause is the pause before a batch is run again; it doubles up to
	// rerunPauseMax. The first conflict is run again at once.
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
			continue // the batch was of buyers who hung up
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

// run writes a batch and answers its buyers. A batch whose fate is unknown is
// resolved aside, so that it does not hold up those that wait.
func (s *Seller) run(batch []*pending) {
	outcomes, err := s.sell(batch)
	switch {
	case errors.Is(err, ErrRefused) && len(batch) > 1:
		s.split(batch)
	case errors.Is(err, ErrOutcomeUnknown):
		s.log.Warn("outcome of batch unknown, running it again", "orders", len(batch), "error", err)
		s.writing.Go(func() { s.resolve(batch) })
	case errors.Is(err, ErrUnavailable):
		// Whoever waits now would learn the same, only later.
		s.refuse(batch, err)
		s.refuse(s.next(s.options.QueueLimit), err)
	default:
		s.answer(batch, outcomes, err)
	}
}

// sell runs a batch until it is written, its fate is unknown, or there is no
// point in another try.
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

// split runs the halves of a batch that the database refused, until the guilty
// order stands alone.
func (s *Seller) split(batch []*pending) {
	s.metrics.rerun(ErrRefused)
	half := len(batch) / 2
	s.run(batch[:half])
	s.run(batch[half:])
}

// resolve runs a batch again whose COMMIT was sent and not answered, for
// UnknownLimit. The locks that a run takes make its answer final: either the
// first COMMIT has happened and the orders are found, or it never will.
func (s *Seller) resolve(batch []*pending) {
	ctx, cancel := context.WithTimeout(context.Background(), UnknownLimit)
	defer cancel()
	s.settle(ctx, batch)
}

// settle runs a batch of unknown outcome again until its buyers have their
// answers, or the context ends.
//
// A run that the database refuses has found at least one order unwritten,
// because orders that are found are not written again. A batch is one
// transaction, so the first COMMIT did not happen: the orders are run again in
// halves until the guilty one stands alone. The halves are looked up again, so
// that nothing rests on this but the answer to an order that is refused alone.
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
			s.refuse(batch, err)
			return
		}
		if !sleep(ctx, pause) {
			s.log.Error("outcome of batch still unknown", "orders", len(batch), "error", err)
			// The last error is not wrapped: it may say that nothing was written,
			// and speaks for its own run alone.
			s.refuse(batch, fmt.Errorf("%w: %v", ErrOutcomeUnknown, err)) //nolint:errorlint // see above
			return
		}
	}
}

// answer gives each buyer of a batch the order's outcome, or all of them the error.
func (s *Seller) answer(batch []*pending, outcomes []Outcome, err error) {
	if err != nil {
		s.refuse(batch, err)
		return
	}
	for i, p := range batch {
		p.answer <- answer{outcome: outcomes[i]}
	}
}

// refuse gives every buyer of a batch the error.
func (s *Seller) refuse(batch []*pending, err error) {
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

// sleep waits and reports true, or false as soon as the context ends.
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
