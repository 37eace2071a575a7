package postgres_test

import (
	"testing"

	"onsale/internal/sale"
	"onsale/internal/store/postgres"
)

// BenchmarkSell256 measures full batches of one hot concert, with fsync on.
func BenchmarkSell256(b *testing.B) {
	store := open(b, server.Database(b), postgres.Options{})
	if err := store.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	concert, err := store.CreateConcert(b.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: sale.MaxCapacity})
	if err != nil {
		b.Fatal(err)
	}
	orders := make([]sale.Order, 256)
	b.ReportAllocs()
	for b.Loop() {
		for i := range orders {
			id, _ := sale.NewID()
			orders[i] = sale.Order{ID: id, ConcertID: concert.ID, Email: "testuser_1234@example.com", Quantity: 1}
		}
		if _, err := store.Sell(b.Context(), sale.Batch{Orders: orders}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(orders))/b.Elapsed().Seconds(), "orders/s")
}

// BenchmarkBuy64 measures 64 buyers of one hot concert through a Seller.
func BenchmarkBuy64(b *testing.B) {
	store := open(b, server.Database(b), postgres.Options{})
	if err := store.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	concert, err := store.CreateConcert(b.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: sale.MaxCapacity})
	if err != nil {
		b.Fatal(err)
	}
	seller, err := sale.NewSeller(store, sale.Options{})
	if err != nil {
		b.Fatal(err)
	}
	seller.Start(b.Context())
	b.Cleanup(func() { _ = seller.Stop(b.Context()) })
	b.ReportAllocs()
	b.SetParallelism(32) // of two cores
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id, _ := sale.NewID()
			o := sale.Order{ID: id, ConcertID: concert.ID, Email: "testuser_1234@example.com", Quantity: 1}
			if _, err := seller.Buy(b.Context(), o); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}
