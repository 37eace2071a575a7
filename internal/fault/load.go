package fault

import (
	"context"
	"runtime"
	"sync"
	"time"
)

const (
	// burnSlice is one period of busy and idle time. It is so short that charts do
	// not show the steps.
	burnSlice = 10 * time.Millisecond
	// crashPause is the minimum time between applying a crash and ending the
	// process, so that the call that set it gets a response.
	crashPause = 250 * time.Millisecond
)

// load is a fault that runs in the background, independent of calls.
type load struct {
	kind kind
	// spec is the fault in the plan, and when is the time it is active.
	spec any
	when lasting
	// workers is how many goroutines run work, each until its context ends.
	workers int
	work    func(context.Context)
	// stop stops the workers and waits for them.
	stop func()
}

// loads returns the background faults of the plan.
func (i *Injector) loads(a *applied) []*load {
	plan := a.state.Plan
	all := []*load{
		{kind: kindCPU, spec: plan.CPU.Share, workers: runtime.GOMAXPROCS(0), work: func(ctx context.Context) { burn(ctx, plan.CPU.Share) }},
		{kind: kindMemory, spec: Ballast{Bytes: plan.Memory.Bytes, Percent: plan.Memory.Percent}, workers: 1, work: func(ctx context.Context) { i.hold(ctx, plan.Memory) }},
		{kind: kindCrash, spec: plan.Crash, workers: 1, work: func(ctx context.Context) { i.end(ctx, a) }},
	}
	for _, l := range all {
		l.when = a.lasting[l.kind]
	}
	return all
}

// start starts the workers of a load if it is active, and counts one injected
// fault.
func (i *Injector) start(ctx context.Context, l *load) {
	l.stop = func() {}
	if l.kind == kindCrash && i.crash == nil || !l.when.active(i.now) {
		return
	}
	var cancel context.CancelFunc
	if end := l.when.end; end.IsZero() {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, end.Sub(i.now()))
	}
	i.metrics.count(l.kind)
	var running sync.WaitGroup
	for range l.workers {
		running.Go(func() { l.work(ctx) })
	}
	l.stop = func() {
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
			_ = wait(ctx, idle) // the loop checks the context
		}
	}
}

// end ends the process at the time of the crash, unless the context ends before.
func (i *Injector) end(ctx context.Context, a *applied) {
	left := a.lasting[kindCrash].begun.Add(a.state.Plan.Crash.After).Sub(i.now())
	if wait(ctx, max(left, crashPause)) != nil {
		return
	}
	i.log.Error("crashing because of the fault plan", "version", a.state.Version)
	i.crash()
}
