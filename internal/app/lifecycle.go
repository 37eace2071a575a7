package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// lastWord is how long a part can take to return after its bound. Its context has ended by
// then, and the error that it returns explains more than that it did not stop.
const lastWord = 500 * time.Millisecond

// lifecycle starts the parts of a process one after the other, and stops them in reverse
// order. Each part has its own time limit for stopping, its bound. A part that exceeds it is
// abandoned, and the others keep their time.
//
// A part that panics in its own goroutine becomes an error. Nothing can catch a
// panic in a goroutine that a library started, a stack overflow, or a process
// that runs out of memory.
//
// One goroutine must register all parts before anything calls Stop.
type lifecycle struct {
	log *slog.Logger
	// lost is called when an optional part has failed.
	lost func(part string, err error)
	// failed is closed when an essential part has failed and the process must stop.
	failed chan struct{}
	fail   func()

	undos   []*undo
	once    sync.Once
	stopped chan struct{} // closed when Stop is done
	err     error         // what Stop returns
}

func newLifecycle(log *slog.Logger, lost func(part string, err error)) *lifecycle {
	failed := make(chan struct{})
	return &lifecycle{
		log: log, lost: lost, failed: failed, fail: sync.OnceFunc(func() { close(failed) }), stopped: make(chan struct{}),
	}
}

// OnStop registers the function that stops a part. Its context ends after the bound.
func (l *lifecycle) OnStop(part string, bound time.Duration, stop func(context.Context) error) *undo {
	u := &undo{part: part, bound: bound, ended: make(chan error, 1)}
	u.stop = func(ctx context.Context) error {
		return l.guarded(part, func() error { return stop(ctx) })
	}
	l.undos = append(l.undos, u)
	return u
}

// Optional starts a part that can fail without stopping the process. The part runs until
// Stop ends its context. Its error is logged, and Stop does not return it.
func (l *lifecycle) Optional(ctx context.Context, part string, bound time.Duration, run func(context.Context) error) *undo {
	return l.run(ctx, part, bound, func(ctx context.Context) error {
		err := l.guarded(part, func() error { return run(ctx) })
		switch {
		case err == nil:
		case ctx.Err() != nil:
			l.log.ErrorContext(ctx, "part stopped with an error", "part", part, "error", err)
		default:
			l.lost(part, err)
		}
		return nil
	})
}

// Essential starts a part whose failure stops the process. It runs until Stop ends its
// context. Stop returns its error.
func (l *lifecycle) Essential(ctx context.Context, part string, bound time.Duration, run func(context.Context) error) *undo {
	return l.run(ctx, part, bound, func(ctx context.Context) error {
		err := l.guarded(part, func() error { return run(ctx) })
		if err != nil {
			l.fail()
		}
		return err
	})
}

func (l *lifecycle) run(ctx context.Context, part string, bound time.Duration, run func(context.Context) error) *undo {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return l.OnStop(part, bound, func(context.Context) error {
		cancel()
		return <-ended
	})
}

// Serve starts a server as an essential part. Its bound is the time that requests in flight
// get when it stops; the connections of those that are left are closed.
func (l *lifecycle) Serve(part string, bound time.Duration, s *http.Server, listener net.Listener) {
	ended := make(chan error, 1)
	go func() {
		err := l.guarded(part, func() error { return serveHTTP(s, listener) })
		if err != nil {
			l.fail()
		}
		ended <- err
	}()
	l.OnStop(part, bound, func(ctx context.Context) error { return errors.Join(shutDown(ctx, s), <-ended) })
}

// Stop stops all parts in reverse order, and returns their errors joined. It continues after
// a part that fails or hangs. The end of ctx does not shorten the bounds of the parts. A
// second call waits for the first, and returns the same error.
func (l *lifecycle) Stop(ctx context.Context) error {
	first := false
	l.once.Do(func() { first = true })
	if !first {
		<-l.stopped
		return l.err
	}
	defer close(l.stopped)
	var errs []error
	for _, u := range slices.Backward(l.undos) {
		u.Begin(ctx)
		errs = append(errs, u.wait())
	}
	l.err = errors.Join(errs...)
	return l.err
}

// guarded calls a function, and turns a panic into an error.
func (l *lifecycle) guarded(part string, call func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			l.log.Error("part panicked", "part", part, "panic", cause, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s panicked: %v", part, cause)
		}
	}()
	return call()
}

// undo stops one part.
type undo struct {
	part  string
	bound time.Duration
	stop  func(context.Context) error

	once  sync.Once
	late  *time.Timer // fires when the part is abandoned
	ended chan error
}

// Begin starts to stop the part before its turn. Stop waits for it in its turn. The bound
// counts from the first call, and the end of ctx does not shorten it.
func (u *undo) Begin(ctx context.Context) {
	u.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), u.bound)
		u.late = time.NewTimer(u.bound + lastWord)
		go func() {
			defer cancel()
			u.ended <- u.stop(ctx)
		}()
	})
}

// wait waits until the part has stopped, or its time is over.
func (u *undo) wait() error {
	defer u.late.Stop()
	select {
	case err := <-u.ended:
		return err
	case <-u.late.C:
	}
	select {
	case err := <-u.ended: // it had stopped before its turn
		return err
	default:
		return fmt.Errorf("%s did not stop within %s", u.part, u.bound)
	}
}
