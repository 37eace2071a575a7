package fault

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// burnSlice is how long a core is busy and idle once: short, so that no
	// chart sees the steps.
	burnSlice = 10 * time.Millisecond
	// ballastShare is the part of its memory that a replica holds at most: one
	// in so many. The rest lets it go on serving while the alert fires.
	ballastShare = 4
	// unknownMemoryLimit stands for a memory limit that nobody told, in bytes.
	unknownMemoryLimit = 1 << 30
	// ballastChunk is how much is taken at once, in bytes, between two looks at
	// whether to stop.
	ballastChunk = 1 << 20
	// pageSize is the smallest page of memory, in bytes. A page that was never
	// written to takes no memory.
	pageSize = 4096
)

// startLoad starts the CPU burn and the ballast of a plan, each until its end.
// The caller must call stop, which ends them and waits until they have ended.
// Each that is started counts as one fault injected.
func (i *Injector) startLoad(ctx context.Context, a *applied) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	start := func(k kind, workers int, work func(context.Context)) {
		lasts := a.lasting[k]
		if !lasts.active(i.now) {
			return
		}
		i.metrics.count(k)
		for range workers {
			running.Go(func() {
				ctx, cancel := ctx, context.CancelFunc(func() {})
				if !lasts.end.IsZero() {
					ctx, cancel = context.WithTimeout(ctx, lasts.end.Sub(i.now()))
				}
				defer cancel()
				work(ctx)
			})
		}
	}
	plan := a.state.Plan
	start(kindCPU, runtime.GOMAXPROCS(0), func(ctx context.Context) { burn(ctx, plan.CPU.Share) })
	start(kindMemory, 1, func(ctx context.Context) {
		i.hold(ctx, min(plan.Memory.Bytes, i.memoryLimit/ballastShare))
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// burn keeps one core busy for a share of the time until the context ends.
func burn(ctx context.Context, share float64) {
	busy := time.Duration(share * float64(burnSlice))
	for ctx.Err() == nil {
		for begin := time.Now(); time.Since(begin) < busy; {
			if ctx.Err() != nil {
				return
			}
		}
		if idle := burnSlice - busy; idle > 0 {
			_ = wait(ctx, idle) // the loop sees the end
		}
	}
}

// hold holds so many bytes of memory until the context ends, and gives them
// back to the system.
func (i *Injector) hold(ctx context.Context, bytes uint64) {
	var held [][]byte
	for left := bytes; left > 0 && ctx.Err() == nil; {
		chunk := make([]byte, min(left, ballastChunk))
		for at := 0; at < len(chunk); at += pageSize {
			chunk[at] = 1
		}
		held = append(held, chunk)
		left -= uint64(len(chunk))
		i.metrics.ballast.Add(float64(len(chunk)))
	}
	<-ctx.Done()
	runtime.KeepAlive(held)
	debug.FreeOSMemory()
	i.metrics.ballast.Set(0)
}
