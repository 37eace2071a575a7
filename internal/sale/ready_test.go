package sale_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/sale"
)

// errReadOnly is the error of a ledger that cannot write.
var errReadOnly = &sale.ObstacleError{Reason: "the database is read-only", Remedy: "promote it", Err: errors.New("SQLSTATE 25006")}

// TestObstacleIsDetectedAndEnds has a database that always answers, but does not allow
// purchases to be written for a while.
func TestObstacleIsDetectedAndEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, log := newMemory(100), new(bytes.Buffer)
		m.before = func(context.Context, int, []sale.Order) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.readyErr
		}
		c := start(t, m, sale.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
		log.Reset()

		m.setReady(fmt.Errorf("try: %w", errReadOnly))
		c.send(t.Context(), 5)
		for _, r := range c.wait() {
			if !errors.Is(r.err, sale.ErrUnavailable) || r.took > time.Second {
				t.Errorf("got %v after %s, want unavailable within 1 s", r.err, r.took)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := c.seller.Ready(); !errors.Is(err, errReadOnly) {
			t.Errorf("ready: %v, want the obstacle", err)
		}
		c.send(t.Context(), 1)
		if r := c.wait()[5]; !errors.Is(r.err, errReadOnly) || r.took != 0 {
			t.Errorf("got %v after %s, want the reason at once", r.err, r.took)
		}
		if n := strings.Count(log.String(), "database unavailable"); n != 1 || !strings.Contains(log.String(), "promote it") {
			t.Errorf("logged %d times, want once and with the remedy:\n%s", n, log)
		}

		m.setReady(&sale.ObstacleError{Reason: "the database's disk is full"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), "database unavailable"); n != 2 {
			t.Errorf("logged %d times, want the other reason once:\n%s", n, log)
		}

		m.setReady(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		c.send(t.Context(), 1)
		if r := c.wait()[6]; !sold(r) || c.seller.Ready() != nil {
			t.Errorf("got %+v and %v afterwards, want it sold", r, c.seller.Ready())
		}
		if n := strings.Count(log.String(), "database available"); n != 1 {
			t.Errorf("the recovery was logged %d times, want once:\n%s", n, log)
		}
	})
}

// TestObstacleDoesNotCancelARunningBatch: a check finds an obstacle while a batch is being
// written; the batch must still succeed.
func TestObstacleDoesNotCancelARunningBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		opened := make(chan struct{})
		m.after = func(ctx context.Context, _ int, _ []sale.Order) error {
			select {
			case <-opened:
				return nil
			case <-ctx.Done():
				return sale.ErrOutcomeUnknown
			}
		}
		c := start(t, m, sale.Options{})
		c.send(t.Context(), 1)
		synctest.Wait()
		m.setReady(errReadOnly)
		time.Sleep(time.Second)
		if err := c.seller.Ready(); !errors.Is(err, errReadOnly) {
			t.Errorf("ready: %v, want the obstacle", err)
		}
		close(opened)
		if r := c.wait()[0]; !sold(r) || len(m.sizes()) != 1 {
			t.Errorf("got %+v in %d runs, want it sold in one", r, len(m.sizes()))
		}
	})
}

// TestDatabaseThatRecoversReadOnly: a database that did not answer becomes read-only. The
// seller must not report ready in between.
func TestDatabaseThatRecoversReadOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(10)
		c := start(t, m, sale.Options{})
		m.setPing(errPing)
		time.Sleep(time.Second)
		m.setReady(errReadOnly)
		m.setPing(nil)
		for range 200 {
			if c.seller.Ready() == nil {
				t.Fatal("ready in between")
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err := c.seller.Ready(); !errors.Is(err, errReadOnly) {
			t.Errorf("ready: %v, want the obstacle", err)
		}
	})
}

// TestReasonBeforeStart: before Start, buyers get the reason that was passed to Wait.
func TestReasonBeforeStart(t *testing.T) {
	t.Parallel()
	seller, err := sale.NewSeller(newMemory(1), sale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seller.Wait(errReadOnly)
	if _, err := seller.Buy(t.Context(), order(t, "a@example.com", 1)); !errors.Is(err, errReadOnly) || !errors.Is(seller.Ready(), sale.ErrUnavailable) {
		t.Errorf("buy: %v, ready: %v, want the reason", err, seller.Ready())
	}
}
