package app_test

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/app"
	"onsale/internal/app/apptest"
	"onsale/internal/client"
	"onsale/internal/fault"
	"onsale/internal/pgtest"
	"onsale/internal/sale"
)

// TestReplicasBehindAPooler migrates, sells all tickets of a concert and sets a fault plan.
// Two replicas reach their database through PgBouncer.
func TestReplicasBehindAPooler(t *testing.T) {
	t.Parallel()
	for mode, settings := range map[string][]string{
		pgtest.Session:     nil,
		pgtest.Transaction: {"default_pool_size = 2"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			server := database.Server(t)
			through := server.Pooler(t, mode, settings...).URL(server.WithPassword(database.Database(t)))
			migration := app.DefaultOptions()
			migration.DatabaseURL, migration.DatabaseURLSet, migration.Logger = through, true, slog.New(slog.DiscardHandler)
			if err := app.Migrate(t.Context(), migration); err != nil {
				t.Fatal(err)
			}
			var clients []*client.Client
			for range 2 {
				url := apptest.Start(t, func(o *app.Options) {
					o.DatabaseURL, o.DatabaseURLSet, o.Faults = through, true, new(fault.Plan)
				})
				clients = append(clients, apptest.Admin(t, url))
			}
			sellToTheLast(t, clients)

			plan := fault.Plan{Database: fault.DatabaseFaults{Delay: fault.Delay{Uniform: fault.Range{Max: time.Millisecond}}}}
			set, err := clients[0].SetFaults(t.Context(), plan)
			if err != nil {
				t.Fatalf("PUT /faults: %v", err)
			}
			await(t, "both replicas apply the plan", func() bool {
				now, err := clients[1].Faults(t.Context())
				return err == nil && now.Version == set.Version && len(now.Replicas) == 2 && now.Replicas[0].Applied && now.Replicas[1].Applied
			})
		})
	}
}

// sellToTheLast sells all tickets of a concert on all replicas at once, and checks the ledger.
func sellToTheLast(t *testing.T, replicas []*client.Client) {
	t.Helper()
	const capacity, buyers, each = 60, 8, 12
	concert, err := replicas[0].CreateConcert(t.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: capacity})
	if err != nil {
		t.Fatal(err)
	}
	var sold atomic.Int64
	var buying sync.WaitGroup
	for b := range buyers {
		buying.Go(func() {
			for i := range each {
				outcome, err := replicas[b%len(replicas)].Buy(t.Context(), client.BuyRequest{
					ConcertID: concert.ID, Email: "a@example.com", Quantity: 1, Key: fmt.Sprintf("%d-of-%d", i, b),
				})
				switch {
				case err != nil:
					t.Errorf("buy: %v", err)
				case outcome.Status == sale.Sold:
					sold.Add(1)
				case outcome.Status != sale.SoldOut:
					t.Errorf("buy: %+v", outcome)
				}
			}
		})
	}
	buying.Wait()
	books, err := replicas[1].Books(t.Context())
	if err != nil || books.Difference() != 0 || sold.Load() != capacity {
		t.Errorf("%d sold of %d, books %+v, %v", sold.Load(), capacity, books, err)
	}
}
