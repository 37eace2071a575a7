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

// memoryEvery is how often the child checks its memory. A runaway query allocates about
// 40 MB in that time.
const memoryEvery = 50 * time.Millisecond

// endLimit is how long Run can take after the connection has ended. A running parent
// kills the child earlier, but a killed parent cannot.
const endLimit = 15 * time.Second

// ErrMemory is returned by [Serve] when the child has exceeded its memory limit.
var ErrMemory = errors.New("memory limit reached")

// ChildOptions are the options of [Serve]. All fields except MemoryLimit are required.
type ChildOptions struct {
	// In and Out are standard input and output.
	In  io.ReadCloser
	Out io.WriteCloser
	// Handler answers the parent's requests.
	Handler http.Handler
	// Run does the child's work until its context ends.
	Run func(context.Context) error
	// MemoryLimit is the child's memory limit in bytes; 0 for no limit.
	MemoryLimit uint64
	Logger      *slog.Logger
}

// Serve runs the child. It answers the parent until the parent closes the connection or
// ends, or until Run returns.
//
// Serve normally waits for Run to return. It does not wait if the memory limit is
// exceeded: it returns [ErrMemory] at once. After the end of the connection it waits at
// most 15 s. In both cases the caller must end the process.
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
		_ = server.Serve(newListener(conn)) // ends with the connection
	}()
	go func() { ran <- o.Run(ctx) }()
	full := watchMemory(ctx, o.MemoryLimit)
	select {
	case <-parted: // the parent has closed the connection or ended
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
		return fmt.Errorf("it did not end within %s of its parent's end", endLimit)
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

// watchMemory sends an error when the process exceeds its memory limit.
func watchMemory(ctx context.Context, limit uint64) <-chan error {
	full := make(chan error, 1)
	if limit == 0 {
		return full
	}
	// Near the limit the garbage collector runs more often.
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
				full <- fmt.Errorf("%w: %d MB in use, %d MB allowed", ErrMemory, bytes/mega, limit/mega)
				return
			}
		}
	}()
	return full
}
