package fault_test

import (
	"testing"
	"time"

	"onsale/internal/fault"
)

func BenchmarkRoute(b *testing.B) {
	for name, plan := range map[string]fault.Plan{
		"empty":          fault.Off(),
		"other route":    onRoute(books, fault.RouteFaults{Error: 1}),
		"deny":           onRoute(buy, fault.RouteFaults{Deny: 1}),
		"deny for":       onRoute(buy, fault.RouteFaults{Deny: 1, For: 24 * time.Hour}),
		"deny 1 percent": onRoute(buy, fault.RouteFaults{Deny: 0.01}),
	} {
		i := fault.NewInjector(fault.Options{Plan: plan})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = i.Route(b.Context(), buy)
				}
			})
		})
	}
}
