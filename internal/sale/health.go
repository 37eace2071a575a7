package sale

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pingInterval and pingLimit detect within 0.8 s that the database stopped
	// answering, so that buyers get an error within a second.
	pingInterval = 200 * time.Millisecond
	pingLimit    = 600 * time.Millisecond
	// readyInterval is the interval of the checks whether purchases can be written.
	readyInterval = 200 * time.Millisecond
	// obstacleInterval is that interval while they cannot. It is longer because the
	// database logs an error for each failed check.
	obstacleInterval = time.Second
	// readyLimit is the time limit of a check. It leaves time to connect.
	readyLimit = 2 * time.Second
)

// health monitors whether the database answers, and whether purchases can be written to
// it. A slow commit does not make the database unavailable, because waiting for it makes
// sense. A failed ping does.
type health struct {
	ledger Ledger
	log    *slog.Logger

	// away points at the reason while the database is unavailable.
	away atomic.Pointer[error]
	// wrote means that a batch was written since the last check.
	wrote atomic.Bool

	mu sync.Mutex
	// silence is why the database does not answer; obstacle is why purchases cannot
	// be written. Each is nil if that is not the case.
	silence, obstacle error
	// metAt is the time of the last check that set obstacle.
	metAt time.Time
	// logged is the reason that was logged last.
	logged string
	// up ends when the database stops answering, with the reason as its cause.
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
	h.wait(errNotStarted)
	return h
}

// errTooSlow is the cause when a run reaches its time limit.
var errTooSlow = fmt.Errorf("%w: a batch took too long", ErrUnavailable)

// errNotStarted is the reason before start.
var errNotStarted = errors.New("not checked yet")

// wait sets the reason why nothing can be sold before start. It does not log it.
func (h *health) wait(reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	reason = unavailable(reason)
	h.silence = reason
	h.away.Store(&reason)
	h.down(reason)
}

// start pings the database, checks whether purchases can be written, and then repeats
// both periodically.
func (h *health) start(ctx context.Context) {
	h.listen(ctx)
	h.done.Go(func() { h.every(pingInterval, func() { h.listen(h.ctx) }) })
	h.done.Go(func() { h.every(readyInterval, h.look) })
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

// reason returns why the database is unavailable, or nil if it is not.
func (h *health) reason() error {
	if away := h.away.Load(); away != nil {
		return *away
	}
	return nil
}

// silent returns why the database does not answer, or nil if it does.
func (h *health) silent() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.silence
}

// justMet reports whether it is too early for the next check after an obstacle.
func (h *health) justMet() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.obstacle != nil && time.Since(h.metAt) < obstacleInterval
}

// every calls do at each interval until stop.
func (h *health) every(interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			do()
		case <-h.ctx.Done():
			return
		}
	}
}

// listen pings the database. If the database answers again, listen also checks whether
// purchases can be written, because it may have become read-only.
func (h *health) listen(ctx context.Context) {
	err := h.ping(ctx)
	if err == nil && h.silent() != nil {
		obstacle := h.ready(ctx)
		h.record(&err, &obstacle)
		return
	}
	h.record(&err, nil)
}

// look checks whether purchases can be written. It skips the check if one was just
// written, or if the database does not answer.
func (h *health) look() {
	if h.wrote.Swap(false) {
		h.record(nil, new(error))
		return
	}
	if h.silent() != nil || h.justMet() {
		return
	}
	err := h.ready(h.ctx)
	h.record(nil, &err)
}

func (h *health) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	return h.ledger.Ping(ctx)
}

func (h *health) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	return h.ledger.TryWrite(ctx)
}

// record stores the result of a ping, of a check, or of both, and logs a change.
func (h *health) record(ping, ready *error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return
	}
	wasSilent := h.silence != nil
	if ping != nil {
		h.silence = unavailable(*ping)
	}
	if ready != nil {
		h.obstacle, h.metAt = unavailable(*ready), time.Now()
	}
	reason := cmp.Or(h.silence, h.obstacle)
	h.logChange(reason)
	if reason == nil {
		h.away.Store(nil)
	} else {
		h.away.Store(&reason)
	}
	switch silent := h.silence != nil; {
	case silent && !wasSilent:
		h.down(h.silence)
	case !silent && wasSilent:
		h.up, h.down = context.WithCancelCause(h.ctx)
	}
}

// logChange logs a reason that differs from the last one. The caller holds the lock.
func (h *health) logChange(reason error) {
	is := reasonOf(reason)
	if is == h.logged && h.reason() != nil == (reason != nil) {
		return
	}
	h.logged = is
	if reason == nil {
		h.log.Info("database available")
		return
	}
	h.log.Error("database unavailable", "error", reason)
}

// unavailable returns the error as an ErrUnavailable.
func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
