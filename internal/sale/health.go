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
	// pingInterval and pingLimit say how soon a silent database is noticed:
	// 0.8 s at the latest, so that its buyers are answered within a second.
	pingInterval = 200 * time.Millisecond
	pingLimit    = 600 * time.Millisecond
	// readyInterval is how soon it is noticed that purchases cannot be written.
	readyInterval = 200 * time.Millisecond
	// obstacleInterval is how soon it is noticed that they can again: the database
	// has an error in its own log for each try.
	obstacleInterval = time.Second
	// readyLimit leaves time to connect. Buyers who come meanwhile find out for
	// themselves.
	readyLimit = 2 * time.Second
)

// health watches whether the database answers, and whether purchases can be
// written to it. A slow commit alone does not make it unavailable, a missing
// sign of life does: waiting for the one is right, and for the other is not.
type health struct {
	ledger Ledger
	log    *slog.Logger

	// away points at the reason while the database is unavailable.
	away atomic.Pointer[error]
	// wrote says that a batch was written since the last look whether one can be.
	wrote atomic.Bool

	mu sync.Mutex
	// silence is why the database does not answer, and obstacle why it does not
	// let purchases be written; nil where that is not so.
	silence, obstacle error
	// metAt is when the obstacle was met last.
	metAt time.Time
	// told is the reason that was logged last.
	told string
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
	h.wait(errNotStarted)
	return h
}

// errTooSlow is why a run is cut short by a database that is alive and does not
// get on.
var errTooSlow = fmt.Errorf("%w: a batch took too long", ErrUnavailable)

// errNotStarted is why nothing is available before the first sign of life.
var errNotStarted = errors.New("not asked yet")

// wait notes why nothing can be sold before start. Nothing is logged.
func (h *health) wait(reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	reason = unavailable(reason)
	h.silence = reason
	h.away.Store(&reason)
	h.down(reason)
}

// start asks for a sign of life, tries whether purchases can be written, and
// goes on doing both.
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

// justMet reports whether it is too early to try again after an obstacle.
func (h *health) justMet() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.obstacle != nil && time.Since(h.metAt) < obstacleInterval
}

// every does something at each interval until stop.
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

// listen asks for a sign of life. After a silence it is not enough: a database
// may come back as one that only reads.
func (h *health) listen(ctx context.Context) {
	err := h.ping(ctx)
	if err == nil && h.silent() != nil {
		obstacle := h.ready(ctx)
		h.record(&err, &obstacle)
		return
	}
	h.record(&err, nil)
}

// look finds out whether purchases can be written: one that just was proves it,
// and costs nothing. A database that does not answer is not asked.
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

// record notes the result of a ping, that of a look, or both, and logs a change.
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
	h.tell(reason)
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

// tell logs a reason that is not the last one. The caller holds the lock.
func (h *health) tell(reason error) {
	is := reasonOf(reason)
	if is == h.told && h.reason() != nil == (reason != nil) {
		return
	}
	h.told = is
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
