// Package calls records the calls that a client made in PostgreSQL, in a table
// of its own, onsale.automate_calls, which it makes when it is missing.
//
// A [Recorder] never makes the client wait: calls wait in a bounded buffer, and
// one goroutine writes them in batches. A database that goes away is waited for
// while there is room; what there is no room for is lost, and counted.
package calls

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"onsale/internal/store/transport"
)

// Table is where the calls are recorded.
const Table = "onsale.automate_calls"

// DefaultRoom is how many calls wait unless set otherwise: minutes of them at a
// polite rate, some 2 MB.
const DefaultRoom = 10_000

// ErrNoRoom says that calls came faster than they could be written, or that the
// database was away for too long.
var ErrNoRoom = errors.New("no room for more calls that wait to be written")

// Call is one call that was made.
type Call struct {
	// Time is when it was made.
	Time         time.Time
	User         string
	Method, Path string
	// Status is the HTTP status; 0 if there was no answer.
	Status int
	// Error is the kind of error; empty for a success.
	Error string
	// Attempt counts the tries of the same operation from 1.
	Attempt  int
	Duration time.Duration
}

// row is a call with the name under which it is written: written twice, it is
// one row.
type row struct {
	id uuid.UUID
	Call
}

// Options of a [Recorder]. The zero value of a field stands for its default.
type Options struct {
	// Room is how many calls wait at most, DefaultRoom by default.
	Room int
	// Logger hears when the database goes away and comes back, and of settings in the
	// URL that are ignored; nil for none.
	Logger *slog.Logger
}

// Recorder records calls. Start it, and Close it when the last call was taken.
type Recorder struct {
	config *pgx.ConnConfig
	limit  string // the statement that sets the time limit of a transaction
	log    *slog.Logger
	run    uuid.UUID // names all calls of this recorder

	conn  *pgx.Conn // nil while there is none; the writer's alone
	ready bool      // whether the table is there

	rows   chan row
	done   chan struct{} // closed when the writer has ended
	giveUp context.CancelFunc

	written, lost atomic.Int64
	failure       atomic.Pointer[error] // the first that calls were lost by
}

// Open returns a recorder that writes to the database of the URL. It does not
// connect: a database that is away now may come later. An error says what is
// wrong with the URL, without any part of it that may be secret.
func Open(url string, o Options) (*Recorder, error) {
	config, err := parseURL(url, o.Logger)
	if err != nil {
		return nil, err
	}
	limit, err := transport.TakeLimit(config.RuntimeParams, "statement_timeout", statementTimeout)
	if err != nil {
		return nil, err
	}
	if o.Room == 0 {
		o.Room = DefaultRoom
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	run, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("name run: %w", err)
	}
	return &Recorder{
		config: config, limit: `SELECT set_config('statement_timeout', '` + limit + `', true)`,
		log: o.Logger.With("component", "recorder"), run: run,
		rows: make(chan row, o.Room), done: make(chan struct{}),
	}, nil
}

// Start makes the table and begins to write. A database that is away is no
// error: it is waited for in the background. One that refuses what is asked is,
// and then nothing was started. The context bounds the first try alone.
func (r *Recorder) Start(ctx context.Context) error {
	switch err := r.attempt(ctx, nil); {
	case refused(err):
		return fmt.Errorf("prepare table %s: %w", Table, transport.OneLine(err))
	case err != nil:
		r.log.Warn("database is away, calls wait to be recorded", "error", transport.OneLine(err))
	}
	ctx, r.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(r.done)
		r.write(ctx)
		r.hangUp(ctx)
	}()
	return nil
}

// Record takes a call and never waits. It must not be called after Close.
func (r *Recorder) Record(c Call) {
	id, err := uuid.NewV7()
	if err != nil {
		r.lose(1, fmt.Errorf("name call: %w", err))
		return
	}
	select {
	case r.rows <- row{id, c}:
	default:
		r.lose(1, ErrNoRoom)
	}
}

// Counts returns how many calls were written and how many are lost.
func (r *Recorder) Counts() (written, lost int64) { return r.written.Load(), r.lost.Load() }

// Close writes what waits, as far as that is possible before the context ends,
// and counts the rest as lost. It returns the first error that calls were lost
// by, or nil if none is. It must be called once, after Start.
func (r *Recorder) Close(ctx context.Context) error {
	close(r.rows)
	stop := context.AfterFunc(ctx, r.giveUp)
	<-r.done
	stop()
	r.giveUp()
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (r *Recorder) lose(n int, err error) {
	r.lost.Add(int64(n))
	r.failure.CompareAndSwap(nil, &err)
}
