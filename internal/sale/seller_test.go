package sale_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"onsale/internal/sale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is the answer to one buyer.
type result struct {
	order   sale.Order
	outcome sale.Outcome
	err     error
	took    time.Duration
}

// clients sends the orders of many buyers to a seller and collects the answers.
type clients struct {
	t       *testing.T
	seller  *sale.Seller
	buying  sync.WaitGroup
	mu      sync.Mutex
	results []result
}

func start(t *testing.T, m *memory, o sale.Options) *clients {
	t.Helper()
	seller, err := sale.NewSeller(m, o)
	if err != nil {
		t.Fatal(err)
	}
	seller.Start(t.Context())
	t.Cleanup(func() {
		if err := seller.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return &clients{t: t, seller: seller}
}

func order(t *testing.T, email string, quantity int) sale.Order {
	t.Helper()
	id, err := sale.NewID()
	if err != nil {
		t.Fatal(err)
	}
	return sale.Order{ID: id, ConcertID: 1, Email: email, Quantity: quantity}
}

// send sends the orders of n buyers for one ticket each, without waiting for the answers.
func (c *clients) send(ctx context.Context, n int) {
	c.t.Helper()
	for i := range n {
		c.sendOrder(ctx, order(c.t, fmt.Sprintf("buyer%d@example.com", i), 1))
	}
}

func (c *clients) sendOrder(ctx context.Context, o sale.Order) {
	c.buying.Go(func() {
		begin := time.Now()
		outcome, err := c.seller.Buy(ctx, o)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.results = append(c.results, result{o, outcome, err, time.Since(begin)})
	})
}

// wait waits for all answers and returns them.
func (c *clients) wait() []result {
	c.buying.Wait()
	return c.results
}

func count(results []result, match func(result) bool) int {
	n := 0
	for _, r := range results {
		if match(r) {
			n++
		}
	}
	return n
}

func sold(r result) bool { return r.err == nil && r.outcome.Status == sale.Sold }

func failed(err error) func(result) bool {
	return func(r result) bool { return errors.Is(r.err, err) }
}

// gate makes run 1 wait until open is called, so that other orders queue up.
func gate(m *memory) (open func()) {
	opened := make(chan struct{})
	m.before = func(ctx context.Context, run int, _ []sale.Order) error {
		if run > 1 {
			return nil
		}
		select {
		case <-opened:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return func() { close(opened) }
}

func TestSingleOrderIsWrittenImmediately(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, newMemory(10), sale.Options{})
		c.send(t.Context(), 1)
		if r := c.wait()[0]; !sold(r) || r.took != 0 {
			t.Errorf("got %+v, want sold immediately", r)
		}
	})
}

func TestBatchesGrowWithLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(1000)
		open := gate(m)
		c := start(t, m, sale.Options{MaxBatch: 100})
		c.send(t.Context(), 1)
		synctest.Wait()
		c.send(t.Context(), 250)
		synctest.Wait()
		open()
		if n := count(c.wait(), sold); n != 251 {
			t.Errorf("%d sold, want 251", n)
		}
		if got, want := m.sizes(), []int{1, 100, 100, 50}; !slices.Equal(got, want) {
			t.Errorf("batches of %v, want %v", got, want)
		}
	})
}

func TestOrdersAreDecidedInOrderOfArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(6)
		open := gate(m)
		c := start(t, m, sale.Options{})
		for range 10 {
			c.send(t.Context(), 1)
			synctest.Wait()
		}
		open()
		c.wait()
		firstComers := slices.Concat(m.batches[0], m.batches[1][:5])
		for _, o := range firstComers {
			if _, ok := m.written()[o.ID]; !ok {
				t.Errorf("order %s was one of the first and was not sold", o.ID)
			}
		}
	})
}

func TestFullQueueRejectsImmediately(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(1000)
		open := gate(m)
		c := start(t, m, sale.Options{QueueLimit: 50})
		c.send(t.Context(), 1)
		synctest.Wait()
		c.send(t.Context(), 60)
		synctest.Wait()
		c.mu.Lock()
		if n := count(c.results, failed(sale.ErrBusy)); n != 10 {
			t.Errorf("a queue of 50 rejected %d of 60, want 10", n)
		}
		c.mu.Unlock()
		open()
		if n := count(c.wait(), sold); n != 51 || len(m.written()) != 51 {
			t.Errorf("%d sold, %d written, want 51", n, len(m.written()))
		}
	})
}

func TestFailedCommitIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		m.before = func(_ context.Context, run int, _ []sale.Order) error {
			if run <= 3 {
				return sale.ErrConflict
			}
			return nil
		}
		c := start(t, m, sale.Options{})
		c.send(t.Context(), 1)
		if r := c.wait()[0]; !sold(r) || len(m.written()) != 1 {
			t.Errorf("got %+v and %d written, want sold once", r, len(m.written()))
		}
	})
}

func TestEndlessConflictIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		m.before = func(context.Context, int, []sale.Order) error { return sale.ErrConflict }
		c := start(t, m, sale.Options{})
		c.send(t.Context(), 1)
		r := c.wait()[0]
		if !errors.Is(r.err, sale.ErrConflict) || r.took > 5*time.Second {
			t.Errorf("got %v after %s, want conflict within 5 s", r.err, r.took)
		}
	})
}

func TestUnavailableDatabaseIsReportedWithinASecondAndRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(1000)
		away := true
		m.before = func(context.Context, int, []sale.Order) error {
			if away {
				return sale.ErrUnavailable
			}
			return nil
		}
		c := start(t, m, sale.Options{MaxBatch: 10})
		c.send(t.Context(), 100)
		results := c.wait()
		if n := count(results, failed(sale.ErrUnavailable)); n != 100 {
			t.Errorf("%d got unavailable, want all 100", n)
		}
		for _, r := range results {
			if r.took > time.Second {
				t.Errorf("answered after %s, want within 1 s", r.took)
			}
		}
		away = false
		c.send(t.Context(), 5)
		if n := count(c.wait(), sold); n != 5 || len(m.written()) != 5 {
			t.Errorf("%d sold and %d written after recovery, want 5", n, len(m.written()))
		}
	})
}

func TestSilentDatabaseIsDetectedByPings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(1000)
		gate(m) // never opened: the first run hangs until its context ends
		c := start(t, m, sale.Options{})
		synctest.Wait()
		m.setPing(errPing)
		c.send(t.Context(), 20)
		for _, r := range c.wait() {
			if !errors.Is(r.err, sale.ErrUnavailable) || r.took > time.Second {
				t.Errorf("got %v after %s, want unavailable within 1 s", r.err, r.took)
			}
		}
		if c.seller.Ready() == nil {
			t.Error("the seller reports that the database is available")
		}
		c.send(t.Context(), 1)
		if r := c.wait()[20]; !errors.Is(r.err, errPing) || r.took != 0 {
			t.Errorf("got %v after %s, want the reason at once", r.err, r.took)
		}
		m.setPing(nil)
		time.Sleep(time.Second)
		c.send(t.Context(), 1)
		if r := c.wait()[21]; !sold(r) {
			t.Errorf("got %+v after recovery, want sold", r)
		}
	})
}

func TestUnknownOutcomeIsResolvedByARerun(t *testing.T) {
	t.Parallel()
	for name, committed := range map[string]bool{"commit had happened": true, "commit had not happened": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(10)
				cut := func(_ context.Context, run int, _ []sale.Order) error {
					if run == 1 {
						return sale.ErrOutcomeUnknown
					}
					return nil
				}
				if committed {
					m.after = cut
				} else {
					m.before = cut
				}
				c := start(t, m, sale.Options{})
				c.send(t.Context(), 1)
				if r := c.wait()[0]; !sold(r) || len(m.written()) != 1 {
					t.Errorf("got %+v and %d written, want sold once", r, len(m.written()))
				}
			})
		})
	}
}

func TestUnknownOutcomeIsReportedAfterFiveSecondsWithoutDelayingOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		m.after = func(ctx context.Context, _ int, orders []sale.Order) error {
			if orders[0].Email == "unlucky@example.com" {
				return sale.ErrOutcomeUnknown
			}
			return ctx.Err()
		}
		c := start(t, m, sale.Options{})
		c.sendOrder(t.Context(), order(t, "unlucky@example.com", 1))
		synctest.Wait()
		c.send(t.Context(), 1)
		results := c.wait()
		if r := results[0]; !sold(r) || r.took != 0 {
			t.Errorf("the other buyer got %+v, want sold at once", r)
		}
		if r := results[1]; !errors.Is(r.err, sale.ErrOutcomeUnknown) || r.took != sale.UnknownLimit {
			t.Errorf("got %v after %s, want outcome unknown after %s", r.err, r.took, sale.UnknownLimit)
		}
	})
}

func TestHangingCommitIsUnknownThoughTheDatabaseAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		m.after = func(ctx context.Context, _ int, _ []sale.Order) error {
			<-ctx.Done()
			return sale.ErrOutcomeUnknown
		}
		c := start(t, m, sale.Options{})
		c.send(t.Context(), 1)
		if r := c.wait()[0]; !errors.Is(r.err, sale.ErrOutcomeUnknown) || r.took > 11*time.Second {
			t.Errorf("got %v after %s, want outcome unknown within 10 s", r.err, r.took)
		}
	})
}

// TestUnknownOutcomeIsNotReplacedByLaterErrors reruns a batch of unknown outcome while the
// database fails. The error of the last rerun must not be reported for the first run.
func TestUnknownOutcomeIsNotReplacedByLaterErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		errInjected := errors.New("injected: nothing was written")
		m := newMemory(10)
		m.before = func(_ context.Context, run int, _ []sale.Order) error {
			if run == 1 {
				return sale.ErrOutcomeUnknown
			}
			return fmt.Errorf("%w: %w", sale.ErrUnavailable, errInjected)
		}
		c := start(t, m, sale.Options{})
		c.send(t.Context(), 1)
		r := c.wait()[0]
		if !errors.Is(r.err, sale.ErrOutcomeUnknown) || errors.Is(r.err, sale.ErrUnavailable) || errors.Is(r.err, errInjected) {
			t.Errorf("got %v, want only outcome unknown", r.err)
		}
	})
}

func TestConflictDoesNotAffectLaterOrders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		m.before = func(_ context.Context, _ int, orders []sale.Order) error {
			if orders[0].Email == "locked@example.com" {
				return sale.ErrConflict
			}
			return nil
		}
		c := start(t, m, sale.Options{})
		c.sendOrder(t.Context(), order(t, "locked@example.com", 1))
		synctest.Wait()
		c.send(t.Context(), 5)
		results := c.wait()
		if n := count(results, sold); n != 5 {
			t.Errorf("%d of the 5 others sold", n)
		}
		if n := count(results, failed(sale.ErrConflict)); n != 1 {
			t.Errorf("%d got a conflict, want 1", n)
		}
	})
}

// TestCancelledRunReportsUnavailable even if the database has recovered before the run
// returns.
func TestCancelledRunReportsUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		m.before = func(ctx context.Context, _ int, _ []sale.Order) error {
			<-ctx.Done()
			m.setPing(nil)
			time.Sleep(time.Second)
			return ctx.Err()
		}
		c := start(t, m, sale.Options{})
		synctest.Wait()
		m.setPing(errPing)
		c.send(t.Context(), 1)
		if r := c.wait()[0]; !errors.Is(r.err, sale.ErrUnavailable) {
			t.Errorf("got %v, want unavailable", r.err)
		}
	})
}

func TestRejectedOrderAmong256GoodOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(1000)
		m.poison = "poison@example.com"
		open := gate(m)
		c := start(t, m, sale.Options{})
		c.send(t.Context(), 1)
		synctest.Wait()
		c.send(t.Context(), 100)
		synctest.Wait()
		c.sendOrder(t.Context(), order(t, m.poison, 1))
		synctest.Wait()
		c.send(t.Context(), 155)
		synctest.Wait()
		open()
		results := c.wait()
		if n := count(results, sold); n != 256 {
			t.Errorf("%d good orders sold, want 256", n)
		}
		for _, r := range results {
			if refused := errors.Is(r.err, sale.ErrRefused); refused != (r.order.Email == m.poison) {
				t.Errorf("%s got %v", r.order.Email, r.err)
			}
		}
		if n := len(m.written()); n != 256 {
			t.Errorf("%d written, want 256", n)
		}
	})
}

func TestDisconnectedBuyerIsNotCharged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		open := gate(m)
		c := start(t, m, sale.Options{})
		c.send(t.Context(), 1)
		synctest.Wait()
		ctx, hangUp := context.WithCancel(t.Context())
		c.send(ctx, 3)
		synctest.Wait()
		hangUp()
		synctest.Wait()
		open()
		results := c.wait()
		if n := count(results, failed(context.Canceled)); n != 3 {
			t.Errorf("%d got context.Canceled, want 3", n)
		}
		if n := len(m.written()); n != 1 {
			t.Errorf("%d written, want only the connected buyer", n)
		}
	})
}

func TestBuyerWhoDisconnectsTooLateGetsTheOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		open := gate(m)
		c := start(t, m, sale.Options{})
		ctx, hangUp := context.WithCancel(t.Context())
		c.send(ctx, 1)
		synctest.Wait()
		hangUp()
		synctest.Wait()
		open()
		if r := c.wait()[0]; !sold(r) || len(m.written()) != 1 {
			t.Errorf("got %+v and %d written, want sold and written", r, len(m.written()))
		}
	})
}

func TestStopWritesWaitingOrders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(1000)
		open := gate(m)
		c := start(t, m, sale.Options{MaxBatch: 10})
		c.send(t.Context(), 100)
		synctest.Wait()
		stopped := make(chan error, 1)
		go func() { stopped <- c.seller.Stop(t.Context()) }()
		synctest.Wait()
		c.send(t.Context(), 1)
		synctest.Wait()
		open()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		results := c.wait()
		if n := count(results, sold); n != 100 || len(m.written()) != 100 {
			t.Errorf("%d sold and %d written, want 100", n, len(m.written()))
		}
		if n := count(results, failed(sale.ErrStopping)); n != 1 {
			t.Errorf("the stopping seller rejected %d, want 1", n)
		}
	})
}

func TestStopEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(1000)
		open := gate(m)
		c := start(t, m, sale.Options{})
		c.send(t.Context(), 1)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.seller.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop returned %v, want deadline exceeded", err)
		}
		open()
		c.wait()
	})
}

func TestInvalidOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]sale.Options{
		"negative batch": {MaxBatch: -1},
		"huge batch":     {MaxBatch: 1 << 20},
		"negative queue": {QueueLimit: -1},
	} {
		if _, err := sale.NewSeller(newMemory(1), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
