//go:build cluster && linux

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"onsale/internal/client"
	"onsale/internal/sale"
)

// A rush buys through the Service and keeps every receipt. Its buyers come in four kinds: with an
// idempotency key on a connection that is kept; without a key on a kept connection; without a key on a
// connection for each purchase; and without a key on a kept connection that is idle for longer than a
// replica drains. Only a patient buyer retries, with the same key.
type rush struct {
	concert int64
	patient bool
	cancel  context.CancelFunc
	buyers  sync.WaitGroup
	began   time.Time

	mu       sync.Mutex
	receipts map[uuid.UUID]int // quantities
	failures []string
	retries  int
	slowest  time.Duration
}

const (
	// patience is how long a patient buyer retries.
	patience = 2 * time.Minute
	// retryAfter is its pause between two attempts.
	retryAfter = 200 * time.Millisecond
	// idle is the longest pause of a buyer with an idle connection; a replica drains for 5 s.
	idle = 12 * time.Second
	// shownFailures limits what a message shows.
	shownFailures = 10
)

// connect returns a client of the API with its own connections.
func (n *node) connect(t *testing.T, url, token string, keepAlive bool) *client.Client {
	t.Helper()
	c, err := client.New(url, client.Options{Transport: n.transport(keepAlive), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// startRush puts a concert on sale and starts buyers, each of which pauses at random between two purchases.
func (n *node) startRush(t *testing.T, s *shop, buyers int, pause time.Duration, patient bool) *rush {
	t.Helper()
	concert, err := s.admin.CreateConcert(t.Context(), sale.NewConcert{
		Title: t.Name(), Date: "2027-06-01", Venue: "Town hall", Capacity: sale.MaxCapacity,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &rush{concert: concert.ID, patient: patient, cancel: cancel, began: time.Now(), receipts: make(map[uuid.UUID]int)}
	t.Cleanup(func() { cancel(); r.buyers.Wait() })
	for i := range buyers {
		c := n.connect(t, s.url, "", patient || i%4 != 2)
		pause := pause
		if !patient && i%4 == 3 {
			pause = idle
		}
		r.buyers.Go(func() { r.buy(ctx, c, i, patient || i%4 == 0, pause) })
	}
	return r
}

func (r *rush) buy(ctx context.Context, c *client.Client, buyer int, keyed bool, pause time.Duration) {
	for ctx.Err() == nil {
		request := client.BuyRequest{
			ConcertID: r.concert, Email: fmt.Sprintf("buyer-%d@example.com", buyer), Quantity: 1 + rand.IntN(3),
		}
		if keyed {
			request.Key = uuid.NewString()
		}
		began := time.Now()
		outcome, err := c.Buy(context.WithoutCancel(ctx), request)
		for r.patient && err != nil && time.Since(began) < patience {
			r.mu.Lock()
			r.retries++
			r.mu.Unlock()
			time.Sleep(retryAfter)
			outcome, err = c.Buy(context.WithoutCancel(ctx), request)
		}
		r.note(request, outcome, err, time.Since(began))
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(pause)):
		}
	}
}

func (r *rush) note(request client.BuyRequest, outcome sale.Outcome, err error, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slowest = max(r.slowest, took)
	switch {
	case err != nil:
		r.failures = append(r.failures, fmt.Sprintf("%s, with a key %t: %v after %s", time.Now().Format("15:04:05.000"), request.Key != "", err, took))
	case outcome.Status != sale.Sold && outcome.Status != sale.Replayed:
		r.failures = append(r.failures, fmt.Sprintf("outcome %v", outcome.Status))
	default:
		r.receipts[outcome.Purchase.ID] = request.Quantity
	}
}

// count returns how many purchases succeeded, and how many failed.
func (r *rush) count() (sold, failed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.receipts), len(r.failures)
}

// more waits for some more purchases.
func (r *rush) more(t *testing.T, purchases int) {
	t.Helper()
	before, _ := r.count()
	await(t, "a purchase", patience, func() (string, bool) {
		now, failed := r.count()
		return fmt.Sprintf("%d purchases before, %d now, %d failed", before, now, failed), now >= before+purchases
	})
}

// stop lets the buyers end their last purchase.
func (r *rush) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	r.buyers.Wait()
	t.Logf("rush: %d purchases in %.0f s, %d failed, %d tries again, the slowest took %s",
		len(r.receipts), time.Since(r.began).Seconds(), len(r.failures), r.retries, r.slowest.Round(time.Millisecond))
}

// end stops the rush. No purchase may have failed, and what the API has written must be the receipts,
// purchase by purchase.
func (r *rush) end(t *testing.T, s *shop) {
	t.Helper()
	r.stop(t)
	for i, failure := range r.failures {
		if i == shownFailures {
			t.Errorf("and %d more", len(r.failures)-i)
			break
		}
		t.Errorf("a purchase failed: %s", failure)
	}
	if err := r.compare(t.Context(), s); err != nil {
		t.Error(err)
	} else {
		t.Logf("books: sold = purchased = the sum of %d receipts, each of which the API can read back", len(r.receipts))
	}
}

// compare compares the receipts with the purchases and with the ledger.
func (r *rush) compare(ctx context.Context, s *shop) error {
	var tickets int64
	for _, quantity := range r.receipts {
		tickets += int64(quantity)
	}
	written := make(map[uuid.UUID]int)
	for p, err := range s.admin.Purchases(ctx, r.concert) {
		if err != nil {
			return fmt.Errorf("list the purchases: %w", err)
		}
		written[p.ID] = p.Quantity
	}
	var errs []error
	for id, quantity := range r.receipts {
		if written[id] != quantity {
			errs = append(errs, fmt.Errorf("receipt %s over %d tickets: the API has %d", id, quantity, written[id]))
		}
	}
	// A purchase whose answer was lost was counted as a failure above; here it has no receipt.
	if extra := len(written) - len(r.receipts); extra > len(r.failures) || extra < 0 {
		errs = append(errs, fmt.Errorf("%d purchases are written, %d have receipts, %d failed", len(written), len(r.receipts), len(r.failures)))
	}
	books, err := s.admin.Books(ctx)
	if err != nil {
		return errors.Join(append(errs, fmt.Errorf("read the books: %w", err))...)
	}
	for _, line := range books.Concerts {
		if line.Sold != line.Purchased {
			errs = append(errs, fmt.Errorf("the books of concert %d do not balance: %+v", line.ConcertID, line))
		}
		if line.ConcertID == r.concert && len(r.failures) == 0 && line.Sold != tickets {
			errs = append(errs, fmt.Errorf("%d tickets are sold, the receipts are over %d", line.Sold, tickets))
		}
	}
	if len(errs) > shownFailures {
		errs = append(errs[:shownFailures], fmt.Errorf("and %d more", len(errs)-shownFailures))
	}
	return errors.Join(errs...)
}
