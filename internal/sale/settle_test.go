package sale_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/sale"
)

// poisoned makes a seller write one order, and then a batch of ten orders of which the
// ledger rejects the seventh. The hook m.after is called before each run except the first.
func poisoned(t *testing.T, m *memory) []result {
	t.Helper()
	m.poison = "poison@example.com"
	open := gate(m)
	holdFirst := m.before
	inBatch := m.after // the hook of the test, from the second run on
	m.after = nil
	m.before = func(ctx context.Context, run int, orders []sale.Order) error {
		if run == 1 {
			return holdFirst(ctx, run, orders)
		}
		return inBatch(ctx, run, orders)
	}
	c := start(t, m, sale.Options{})
	c.sendOrder(t.Context(), order(t, "first@example.com", 1))
	synctest.Wait()
	c.send(t.Context(), 6)
	synctest.Wait()
	c.sendOrder(t.Context(), order(t, m.poison, 1))
	synctest.Wait()
	c.send(t.Context(), 3)
	synctest.Wait()
	open()
	return c.wait()
}

// TestUnknownOutcomeWithARejectedOrder has a batch of ten whose COMMIT got no answer and of
// which the ledger rejects one order. Each buyer must get their own outcome.
func TestUnknownOutcomeWithARejectedOrder(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(run int) error{
		"once": func(run int) error {
			if run == 2 {
				return sale.ErrOutcomeUnknown
			}
			return nil
		},
		"repeatedly": func(run int) error {
			if run%2 == 0 {
				return sale.ErrOutcomeUnknown
			}
			return nil
		},
		"with conflicts": func(run int) error {
			switch {
			case run == 2:
				return sale.ErrOutcomeUnknown
			case run%3 == 0:
				return sale.ErrConflict
			case run%3 == 1:
				return sale.ErrUnavailable
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(100)
				m.after = func(_ context.Context, run int, _ []sale.Order) error { return cut(run) }
				results := poisoned(t, m)
				if n := count(results, sold); n != 10 || len(m.written()) != 10 {
					t.Errorf("%d of 10 good orders sold, %d written", n, len(m.written()))
				}
				for _, r := range results {
					refused := errors.Is(r.err, sale.ErrRefused) && !errors.Is(r.err, sale.ErrOutcomeUnknown)
					if refused != (r.order.Email == m.poison) || r.took >= sale.UnknownLimit {
						t.Errorf("%s got %v after %s", r.order.Email, r.err, r.took)
					}
				}
			})
		})
	}
}

// TestPartlySettledBatch loses the database after half of the batch was settled. Only the
// outcome of the other half stays unknown, and its buyers get an answer within the limit.
func TestPartlySettledBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(100)
		m.after = func(_ context.Context, run int, orders []sale.Order) error {
			switch {
			case run == 2:
				return sale.ErrOutcomeUnknown
			case len(orders) == 5 && len(m.written()) > 1: // the second half
				return fmt.Errorf("%w: gone", sale.ErrUnavailable)
			}
			return nil
		}
		results := poisoned(t, m)
		unknown := count(results, failed(sale.ErrOutcomeUnknown))
		if n := count(results, sold); n != 6 || unknown != 5 || len(m.written()) != n {
			t.Errorf("%d sold, %d unknown, %d written: want the first half settled", n, unknown, len(m.written()))
		}
		for _, r := range results {
			if r.took > sale.UnknownLimit+time.Second {
				t.Errorf("%s was answered after %s", r.order.Email, r.took)
			}
		}
	})
}
