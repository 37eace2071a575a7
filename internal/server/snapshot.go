package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"onsale/internal/sale"
)

// Limits of the snapshot of the concerts. Browsing is most of the load, so all readers
// share one snapshot that is encoded once.
const (
	// freshFor is the age up to which a snapshot is served without a refresh, and the
	// pause after a failed refresh.
	freshFor = 250 * time.Millisecond
	// patience is how long a request waits for a refresh before it gets the last
	// snapshot.
	patience = time.Second
	// refreshLimit is the time limit of a refresh.
	refreshLimit = 5 * time.Second
	// staleFor is the age up to which the last snapshot is served if refreshes fail.
	staleFor = time.Minute
)

// snapshot is the encoded list of all concerts. It is immutable.
type snapshot struct {
	concerts []sale.Concert // in order of id
	body     []byte         // a JSON array
	ends     []int          // where each concert ends in body
	etag     string
	readAt   time.Time // when the read began
	edition  uint64    // the listing's edition when the read began
}

// listing keeps the newest snapshot. It refreshes it only when a caller needs a newer one,
// and runs one refresh at a time.
type listing struct {
	ledger sale.Ledger
	log    *slog.Logger
	now    func() time.Time

	last atomic.Pointer[snapshot]
	// edition increases with each change that later snapshots must include.
	edition atomic.Uint64

	mu       sync.Mutex
	flight   *flight   // the refresh under way, if any
	failedAt time.Time // when the last refresh failed; zero if it did not
	// obstacle is why the last refresh failed; nil if it succeeded, or if the database
	// did not answer.
	obstacle *sale.ObstacleError
}

// flight is a refresh under way.
type flight struct {
	began   time.Time
	edition uint64
	done    chan struct{} // closed when it is over
}

func newListing(ledger sale.Ledger, log *slog.Logger, now func() time.Time) *listing {
	return &listing{ledger: ledger, log: log, now: now}
}

// invalidate makes all later callers of get wait for a newer snapshot.
func (l *listing) invalidate() {
	l.edition.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failedAt = time.Time{} // the database has just accepted a change, so it is available
}

// get returns a snapshot that is no older than maxAge. It waits up to the given time for
// a refresh; after that it returns the last snapshot and reports it as stale. If that one
// is older than staleFor, it returns ErrUnavailable, as a [*sale.ObstacleError] if the
// cause is known.
func (l *listing) get(ctx context.Context, maxAge, wait time.Duration) (s *snapshot, stale bool, err error) {
	asked, edition := l.now(), l.edition.Load()
	if s := l.last.Load(); s.shows(edition) && asked.Sub(s.readAt) <= maxAge {
		return s, false, nil
	}
	for {
		f := l.join(ctx)
		if f == nil {
			break // the last refresh failed a moment ago
		}
		// The wait also counts from the start of the refresh, so that requests do not
		// pile up behind one that hangs.
		deadline := min(asked.Add(wait).Sub(l.now()), f.began.Add(wait).Sub(l.now()))
		timer := time.NewTimer(deadline)
		select {
		case <-f.done:
			timer.Stop()
			if s := l.last.Load(); s.shows(edition) && !s.readAt.Before(f.began) {
				return s, false, nil
			}
			continue
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, false, fmt.Errorf("wait for concerts: %w", context.Cause(ctx))
		}
		break
	}
	if s := l.last.Load(); s != nil && l.now().Sub(s.readAt) <= staleFor {
		return s, true, nil
	}
	return nil, false, fmt.Errorf("read concerts: %w", l.failure())
}

// failure returns why no snapshot is available, as an ErrUnavailable.
func (l *listing) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.obstacle != nil {
		return l.obstacle
	}
	return sale.ErrUnavailable
}

// shows reports whether the snapshot includes all changes up to an edition.
func (s *snapshot) shows(edition uint64) bool { return s != nil && s.edition >= edition }

// join returns the running refresh, and starts one if none is running. It returns nil
// during the pause after a failed refresh.
func (l *listing) join(ctx context.Context) *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.flight == nil && (l.failedAt.IsZero() || now.Sub(l.failedAt) >= freshFor) {
		l.flight = &flight{began: now, edition: l.edition.Load(), done: make(chan struct{})}
		go l.refresh(context.WithoutCancel(ctx), l.flight)
	}
	return l.flight
}

// refresh reads the concerts for all requests that wait for the flight. Its context must
// not end with any of these requests.
func (l *listing) refresh(ctx context.Context, f *flight) {
	defer close(f.done)
	s, err := l.read(ctx, f)
	if err == nil {
		l.last.Store(s)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	l.flight = nil
	l.obstacle = nil
	errors.As(err, &l.obstacle)
	switch {
	case err == nil:
		l.failedAt = time.Time{}
		return
	case l.failedAt.IsZero():
		l.log.Warn("concerts cannot be refreshed", "error", err)
	}
	l.failedAt = l.now()
}

// read reads and encodes the concerts. It turns a panic into an error.
func (l *listing) read(ctx context.Context, f *flight) (s *snapshot, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("read concerts: panic: %v\n%s", cause, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	concerts, err := l.ledger.Concerts(ctx)
	if err != nil {
		return nil, err
	}
	return newSnapshot(concerts, f), nil
}

// newSnapshot encodes concerts, which must be in order of id.
func newSnapshot(concerts []sale.Concert, f *flight) *snapshot {
	const usualSize = 256 // bytes of one concert
	s := &snapshot{
		concerts: concerts,
		body:     make([]byte, 0, usualSize*len(concerts)+len("[]\n")),
		ends:     make([]int, len(concerts)),
		readAt:   f.began,
		edition:  f.edition,
	}
	s.body = append(s.body, '[')
	for i, c := range concerts {
		if i > 0 {
			s.body = append(s.body, ',')
		}
		s.body = appendConcert(s.body, viewOf(c))
		s.ends[i] = len(s.body)
	}
	s.body = append(s.body, "]\n"...)
	hash := sha256.Sum256(s.body)
	s.etag = hex.EncodeToString(hash[:16])
	return s
}

// page returns the concerts whose ids are greater than after; at most limit of them, if
// limit is not 0. If more is true, the next page begins after the id last.
func (s *snapshot) page(after int64, limit int) (body []byte, etag string, last int64, more bool) {
	from, found := slices.BinarySearchFunc(s.concerts, after, func(c sale.Concert, id int64) int {
		return cmp.Compare(c.ID, id)
	})
	if found {
		from++
	}
	to := len(s.concerts)
	if limit > 0 {
		to = min(to, from+limit)
	}
	if from == 0 && to == len(s.concerts) {
		return s.body, `"` + s.etag + `"`, 0, false
	}
	etag = `"` + s.etag + "-" + strconv.Itoa(from) + "-" + strconv.Itoa(to) + `"`
	if from == to {
		return []byte("[]\n"), etag, 0, false
	}
	start := len("[")
	if from > 0 {
		start = s.ends[from-1] + len(",")
	}
	body = slices.Concat([]byte("["), s.body[start:s.ends[to-1]], []byte("]\n"))
	return body, etag, s.concerts[to-1].ID, to < len(s.concerts)
}
