package sale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pingInterval and pingLimit say how soon a silent database is noticed:
	// 0.8 s at the latest, so that its buyers are answered within a second.
	pingInterval = 200 * time.Millisecond
	pingLimit    = 600 * time.Millisecond
)

// health watches whether the database answers. A slow commit alone does not
// make it unavailable, a missing sign of life does: waiting for the one is
// right, and for the other is not.
type health struct {
	ledger Ledger
	log    *slog.Logger

	// away points at the reason while the database does not answer.
	away atomic.Pointer[error]

	mu sync.Mutex
	// up ends, with the reason as its cause, when the database stops answering.
	up   context.Context
	down context.CancelCauseFunc

	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newHealth(ledger Ledger, log *slog.Logger) *health {
	h := &health{ledger: ledger, log: log}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.up, h.down = context.WithCancelCause(h.ctx)
	h.lost(errNotStarted)
	return h
}

// errTooSlow is why a run is cut short by a database that is alive and does not
// get on.
var errTooSlow = fmt.Errorf("%w: a batch took too long", ErrUnavailable)

// errNotStarted is why nothing is available before the first sign of life.
var errNotStarted = errors.New("not asked yet")

// start asks for a sign of life, and goes on asking.
func (h *health) start(ctx context.Context) {
	h.record(h.ping(ctx))
	h.done.Go(h.watch)
}

func (h *health) stop() {
	h.cancel()
	h.done.Wait()
}

// whileAvailable returns a context that ends, with an ErrUnavailable as its
// cause, when the database stops answering or after the limit.
func (h *health) whileAvailable(limit time.Duration) (context.Context, context.CancelFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return context.WithTimeoutCause(h.up, limit, errTooSlow)
}

func (h *health) available() bool { return h.reason() == nil }

// reason returns why the database is unavailable, or nil if it is not.
func (h *health) reason() error {
	if away := h.away.Load(); away != nil {
		return *away
	}
	return nil
}

func (h *health) watch() {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			h.record(h.ping(h.ctx))
		case <-h.ctx.Done():
			return
		}
	}
}

func (h *health) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	return h.ledger.Ping(ctx)
}

// record notes the result of a ping and logs a change.
func (h *health) record(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wasUp := h.available()
	switch {
	case h.ctx.Err() != nil:
	case err != nil && wasUp:
		h.log.Error("database unavailable", "error", err)
		h.lost(err)
	case err == nil && !wasUp:
		h.log.Info("database available")
		h.away.Store(nil)
		h.up, h.down = context.WithCancelCause(h.ctx)
	}
}

// lost notes that the database does not answer, and why.
func (h *health) lost(err error) {
	reason := fmt.Errorf("%w: %w", ErrUnavailable, err)
	h.away.Store(&reason)
	h.down(reason)
}
