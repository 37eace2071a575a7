package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// memoryEvery is how often the child looks at its memory. A query that runs wild
// takes some 40 MB meanwhile.
const memoryEvery = 50 * time.Millisecond

// endLimit is how long Run may take once the connection has ended. A parent that
// lives kills the child before; one that was killed cannot.
const endLimit = 15 * time.Second

// ErrMemory is returned by [Serve] when the child has reached its memory limit.
var ErrMemory = errors.New("memory limit reached")

// ChildOptions are those of [Serve]. All but MemoryLimit must be given.
type ChildOptions struct {
	// In and Out are standard input and output.
	In  io.ReadCloser
	Out io.WriteCloser
	// Handler answers the parent's requests, and Run does the child's work until its
	// context ends.
	Handler http.Handler
	Run     func(context.Context) error
	// MemoryLimit is how much memory the child may take, in bytes; 0 for no limit.
	MemoryLimit uint64
	Logger      *slog.Logger
}

// Serve is the child's life: it answers the parent and runs until the parent ends
// the connection or is gone, or until Run returns. It returns without waiting for
// Run when the memory limit is reached, at once and with [ErrMemory], and 15 s after
// the end of the connection: its caller ends the process.
func Serve(ctx context.Context, o ChildOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn := newPipe(o.In, o.Out)
	server := &http.Server{ //nolint:gosec // G112: the one client is the parent
		Handler: fromClient(o.Handler), Protocols: unencryptedHTTP2(),
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	parted, ran := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(parted)
		_ = server.Serve(newListener(conn)) // it ends with the connection
	}()
	go func() { ran <- o.Run(ctx) }()
	full := watchMemory(ctx, o.MemoryLimit)
	select {
	case <-parted: // the parent has closed the connection, or is gone
		cancel()
	case err := <-ran:
		return errors.Join(err, conn.Close())
	case err := <-full:
		return err
	}
	select {
	case err := <-ran:
		return err
	case err := <-full:
		return err
	case <-time.After(endLimit):
		return fmt.Errorf("it did not end within %s after its parent", endLimit)
	}
}

// fromClient restores the address of the client that sent a request to the parent.
func fromClient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = r.Header.Get(clientHeader)
		r.Header.Del(clientHeader)
		next.ServeHTTP(w, r)
	})
}

// watchMemory sends an error when the process takes more memory than it may.
func watchMemory(ctx context.Context, limit uint64) <-chan error {
	full := make(chan error, 1)
	if limit == 0 {
		return full
	}
	// The collector tries harder before it is too late.
	debug.SetMemoryLimit(int64(limit / 10 * 9)) //nolint:gosec // G115: no machine has 2^63 bytes
	go func() {
		taken := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		tick := time.NewTicker(memoryEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			metrics.Read(taken)
			if bytes := taken[0].Value.Uint64() - taken[1].Value.Uint64(); bytes > limit {
				const mega = 1 << 20
				full <- fmt.Errorf("%w: %d MB taken, %d MB allowed", ErrMemory, bytes/mega, limit/mega)
				return
			}
		}
	}()
	return full
}
