package prom

import (
	"context"
	"errors"
	"runtime/metrics"
	"time"
)

const (
	// maxGrowth is by how much the memory of the process may grow while a query is
	// worked on, in bytes. The engine counts samples, but neither labels nor the
	// points that it only reserves.
	maxGrowth = 128 << 20
	// memoryLookEvery is how often it is looked at. A look costs some microseconds.
	memoryLookEvery = 5 * time.Millisecond
)

// errMemory ends a query that takes too much memory.
var errMemory = errors.New("the query was stopped, because it took more than 128 MB of memory")

// watchMemory ends the context, with errMemory, when the process has grown by too
// much. The returned function ends the watching.
func watchMemory(ctx context.Context) (watched context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	limit := objects() + maxGrowth
	go func() {
		look := time.NewTicker(memoryLookEvery)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
				if objects() > limit {
					cancel(errMemory)
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// objects returns the bytes of all objects that were not yet found to be garbage.
func objects() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
