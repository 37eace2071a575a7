package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/sale"
	"onsale/internal/store/postgres"
)

// waiting returns a query that is true if n sessions wait for a lock.
func waiting(n string) string {
	return `SELECT count(*) = ` + n + ` FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
}

// locked locks the row of the only concert, as a sale of another replica does.
func locked(t *testing.T, url string) *sql.Tx {
	t.Helper()
	tx, err := raw(t, url).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `SELECT * FROM concerts FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	return tx
}

// TestKeyRepeatedWhileTheConcertIsLocked sends the same order for the last ticket to
// two replicas, which both wait for the concert. The second replica to get the lock
// finds the key that the first one wrote. If it had looked for keys before it had the
// lock, the buyer's retry would get "sold out".
func TestKeyRepeatedWhileTheConcertIsLocked(t *testing.T) {
	t.Parallel()
	url := server.Database(t) + "&lock_timeout=30s"
	replicas := []*postgres.Store{open(t, url, postgres.Options{}), open(t, url, postgres.Options{})}
	batch := newBatch(t, replicas[0], 2)
	exec(t, url, `UPDATE concerts SET capacity = 1`)
	hold := locked(t, url)
	statuses, errs := make([]sale.Status, len(replicas)), make([]error, len(replicas))
	var selling sync.WaitGroup
	for i, replica := range replicas {
		batch.Orders[i].Key = "the buyer's own"
		selling.Go(func() {
			outcomes, err := replica.Sell(t.Context(), sale.Batch{Orders: batch.Orders[i : i+1]})
			if errs[i] = err; err == nil {
				statuses[i] = outcomes[0].Status
			}
		})
	}
	eventually(t, url, waiting("2"))
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	selling.Wait()
	if err := errors.Join(errs...); err != nil || !slices.Contains(statuses, sale.Sold) || !slices.Contains(statuses, sale.Replayed) {
		t.Errorf("%v, %v: want one sold and one replayed", statuses, err)
	}
}

// TestRefundDuringASale refunds a purchase twice while a sale has locked its concert.
// The tickets go back once, and the sale's change of the counter is kept.
func TestRefundDuringASale(t *testing.T) {
	t.Parallel()
	url := server.Database(t) + "&lock_timeout=30s"
	store := open(t, url, postgres.Options{})
	batch := newBatch(t, store, 3)
	if _, err := store.Sell(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	hold := locked(t, url)
	answers := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := store.Refund(t.Context(), batch.Orders[0].ID)
			answers <- err
		}()
	}
	eventually(t, url, waiting("2"))
	for _, statement := range []string{
		`INSERT INTO purchases SELECT gen_random_uuid(), id, 'b@example.com', 5, NULL, now() FROM concerts`,
		`UPDATE concerts SET sold = sold + 5`,
	} {
		if _, err := hold.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := hold.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-answers, <-answers); err != nil {
		t.Error(err)
	}
	books, err := store.Books(t.Context())
	if err != nil || books.Difference() != 0 || books.Concerts[0].Sold != 3-1+5 {
		t.Errorf("books %+v, %v: want 7 sold", books, err)
	}
}

// TestRefusedOrderInACutBatch cuts the connection at the COMMIT of a batch of ten
// orders, one of which the database rejects. The nine others get their receipts.
func TestRefusedOrderInACutBatch(t *testing.T) {
	t.Parallel()
	for name, arrives := range map[string]bool{"never arrives": false, "answer is lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, through := newLine(t, server.Database(t))
			l.arrives = arrives
			plain := open(t, through, postgres.Options{})
			batch := newBatch(t, plain, 11)
			batch.Orders[4].Quantity = 0 // breaks a constraint of the database

			// The first order blocks the write loop in the gate until the others wait.
			entered, opened, runs := make(chan struct{}), make(chan struct{}), 0
			store := open(t, through, postgres.Options{Gate: func(context.Context) error {
				switch runs++; runs {
				case 1:
					close(entered)
					<-opened
				case 2:
					word := "INSERT"
					l.cutAt.Store(&word)
				}
				return nil
			}})
			registry := prometheus.NewRegistry()
			seller, err := sale.NewSeller(store, sale.Options{Registerer: registry})
			if err != nil {
				t.Fatal(err)
			}
			seller.Start(t.Context())
			t.Cleanup(func() { _ = seller.Stop(context.WithoutCancel(t.Context())) })

			errs := make([]error, len(batch.Orders))
			var buying sync.WaitGroup
			buy := func(i int) {
				buying.Go(func() {
					var outcome sale.Outcome
					outcome, errs[i] = seller.Buy(t.Context(), batch.Orders[i])
					if errs[i] == nil && outcome.Status != sale.Sold {
						t.Errorf("order %d: %+v", i, outcome)
					}
				})
			}
			buy(0)
			<-entered
			for i := range 10 {
				buy(i + 1)
			}
			for depth := 0.0; depth < 10; {
				depth = gauge(t, registry, "onsale_queue_depth_orders")
			}
			close(opened)
			buying.Wait()
			for i, err := range errs {
				if refused := errors.Is(err, sale.ErrRefused); refused != (i == 4) || err != nil && i != 4 {
					t.Errorf("order %d: %v", i, err)
				}
			}
			if books, err := plain.Books(t.Context()); err != nil || books.Difference() != 0 || books.Concerts[0].Sold != 10 {
				t.Errorf("books %+v, %v: want 10 sold", books, err)
			}
		})
	}
}

// gauge reads a gauge without labels.
func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("metric %s not found", name)
	return 0
}

// TestRefundsAndSalesNeverDeadlock sells two concerts in both orders on two replicas,
// repeats keys, and refunds what was just sold. The calls can wait for each other, but
// they never deadlock.
func TestRefundsAndSalesNeverDeadlock(t *testing.T) {
	t.Parallel()
	const workers, rounds = 8, 8
	url := server.Database(t) + "&lock_timeout=30s"
	replicas := []*postgres.Store{open(t, url, postgres.Options{}), open(t, url, postgres.Options{})}
	newBatch(t, replicas[0], 0)
	newBatch(t, replicas[0], 0)
	exec(t, url, `UPDATE concerts SET capacity = 1000000`)
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			for round := range rounds {
				var b sale.Batch
				for i := range 4 {
					id, err := sale.NewID()
					if err != nil {
						t.Error(err)
						return
					}
					o := sale.Order{ID: id, ConcertID: int64((w+i)%2 + 1), Email: "a@example.com", Quantity: 1}
					if i == 0 {
						o.Key = fmt.Sprintf("%d of %d", round, w/2) // shared by two workers
					}
					b.Orders = append(b.Orders, o)
				}
				outcomes, err := replicas[w%2].Sell(t.Context(), b)
				if err != nil {
					if !errors.Is(err, sale.ErrConflict) || strings.Contains(err.Error(), "deadlock") {
						t.Errorf("sell: %v", err)
					}
					continue
				}
				for _, o := range outcomes {
					if o.Status != sale.Sold && o.Status != sale.Replayed {
						continue
					}
					if _, err := replicas[(w+1)%2].Refund(t.Context(), o.Purchase.ID); err != nil {
						t.Errorf("refund: %v", err)
					}
				}
			}
		})
	}
	working.Wait()
	if books, err := replicas[0].Books(t.Context()); err != nil || books.Difference() != 0 || books.Concerts[0].Sold != 0 {
		t.Errorf("books %+v, %v: want everything refunded", books, err)
	}
}
