package prom

import (
	"context"
	"errors"
	"runtime/metrics"
	"time"
)

const (
	// maxGrowth limits the growth of the process's memory during a query, in bytes. The
	// engine itself counts samples, but neither labels nor reserved points.
	maxGrowth = 128 << 20
	// memoryCheckEvery is how often the memory is checked. A check takes a few
	// microseconds.
	memoryCheckEvery = 5 * time.Millisecond
)

// errMemory is the error of a query that used too much memory.
var errMemory = errors.New("the query was stopped because it used more than 128 MB of memory")

// watchMemory returns a context that is cancelled with errMemory when the memory of the
// process has grown by more than maxGrowth. stop ends the checks.
func watchMemory(ctx context.Context) (watched context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	limit := objects() + maxGrowth
	go func() {
		tick := time.NewTicker(memoryCheckEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if objects() > limit {
					cancel(errMemory)
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// objects returns the size of all heap objects that have not been freed, in bytes.
func objects() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
