package sqlite_test

import (
	"strconv"
	"testing"

	"onsale/internal/sale"
	"onsale/internal/store/sqlite"
)

// BenchmarkSell256 measures full batches of one hot concert, with every commit flushed
// to disk. With keys, each batch also updates the index of random keys.
func BenchmarkSell256(b *testing.B) {
	for _, bench := range []struct {
		name string
		key  func(sale.Order) string
	}{
		{"plain", func(sale.Order) string { return "" }},
		{"keys", func(o sale.Order) string { return strconv.FormatUint(random(o), 36) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			store, _ := migrated(b, sqlite.Options{})
			id := concert(b, store, sale.MaxCapacity)
			const size = 256
			b.ReportAllocs()
			for b.Loop() {
				batch := sale.Batch{Orders: orders(b, id, size)}
				for i, o := range batch.Orders {
					batch.Orders[i].Key = bench.key(o)
				}
				if _, err := store.Sell(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "orders/s")
		})
	}
}

// random returns the random half of an order's id.
func random(o sale.Order) uint64 {
	var n uint64
	for _, b := range o.ID[8:] {
		n = n<<8 | uint64(b)
	}
	return n
}

// BenchmarkBooks measures the books of 100,000 purchases.
func BenchmarkBooks(b *testing.B) {
	store, _ := migrated(b, sqlite.Options{})
	id := concert(b, store, sale.MaxCapacity)
	for range 100 {
		if _, err := store.Sell(b.Context(), sale.Batch{Orders: orders(b, id, 1000)}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := store.Books(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
