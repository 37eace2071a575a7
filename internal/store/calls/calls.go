// Package calls records a client's calls in PostgreSQL, in the table
// onsale.automate_calls. It creates the table if it is missing.
//
// A [Recorder] never makes the client wait: calls are put into a bounded buffer, and
// one goroutine writes them in batches. While the database is unreachable, the buffer
// fills. Calls that do not fit are lost, and counted as lost.
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

// Table is the table that calls are recorded in.
const Table = "onsale.automate_calls"

// DefaultRoom is the default size of the buffer, in calls: about 2 MB, or some minutes
// at the usual rate.
const DefaultRoom = 10_000

// ErrNoRoom is the error of calls that were lost because the buffer was full. Either
// calls came faster than they could be written, or the database was unreachable for too
// long.
var ErrNoRoom = errors.New("the buffer of calls to record is full")

// Call is one call of the client.
type Call struct {
	// Time is when the call was made.
	Time         time.Time
	User         string
	Method, Path string
	// Status is the HTTP status; 0 if there was no answer.
	Status int
	// Error is the kind of error; empty for a success.
	Error string
	// Attempt is the number of the attempt at one operation, from 1.
	Attempt  int
	Duration time.Duration
}

// row is a call with an id. If it is written twice, the id makes it one row.
type row struct {
	id uuid.UUID
	Call
}

// Options of a [Recorder]. The zero value of each field is its default.
type Options struct {
	// Room is the size of the buffer, in calls. The default is DefaultRoom.
	Room int
	// Logger logs when the database becomes unreachable and when it recovers, and which
	// settings in the URL are ignored. Nil logs nothing.
	Logger *slog.Logger
}

// Recorder records calls. Start it, and Close it after the last call.
type Recorder struct {
	config *pgx.ConnConfig
	limit  string // the statement that sets the time limit of a transaction
	log    *slog.Logger
	run    uuid.UUID // the same for all calls of this recorder

	conn  *pgx.Conn // nil while not connected; used only by the writing goroutine
	ready bool      // whether the table exists

	rows   chan row
	done   chan struct{} // closed when the writing goroutine has ended
	giveUp context.CancelFunc

	written, lost atomic.Int64
	failure       atomic.Pointer[error] // the first error that lost calls
}

// Open returns a recorder that writes to the database of the URL. It does not connect,
// so the database can be unreachable at first. An error describes what is wrong with the
// URL, and never shows a part of it that can be secret.
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
		return nil, fmt.Errorf("make id of run: %w", err)
	}
	return &Recorder{
		config: config, limit: `SELECT set_config('statement_timeout', '` + limit + `', true)`,
		log: o.Logger.With("component", "recorder"), run: run,
		rows: make(chan row, o.Room), done: make(chan struct{}),
	}, nil
}

// Start creates the table and begins to write. If the database is unreachable, Start
// succeeds, and the recorder retries in the background. If the database rejects the
// login or a statement, Start returns an error and starts nothing. The context bounds
// the first attempt only.
func (r *Recorder) Start(ctx context.Context) error {
	switch err := r.attempt(ctx, nil); {
	case refused(err):
		return fmt.Errorf("prepare table %s: %w", Table, transport.OneLine(err))
	case err != nil:
		r.log.Warn("database is unreachable, calls are buffered", "error", transport.OneLine(err))
	}
	ctx, r.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(r.done)
		r.write(ctx)
		r.hangUp(ctx)
	}()
	return nil
}

// Record puts a call into the buffer and never waits. It must not be called after Close.
func (r *Recorder) Record(c Call) {
	id, err := uuid.NewV7()
	if err != nil {
		r.lose(1, fmt.Errorf("make id of call: %w", err))
		return
	}
	select {
	case r.rows <- row{id, c}:
	default:
		r.lose(1, ErrNoRoom)
	}
}

// Counts returns how many calls were written and how many were lost.
func (r *Recorder) Counts() (written, lost int64) { return r.written.Load(), r.lost.Load() }

// Close writes the buffered calls until the context ends, and counts the rest as lost.
// It returns the first error that lost a call, or nil if no call was lost. It must be
// called once, after Start.
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
