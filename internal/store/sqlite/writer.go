package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// closeLimit bounds the wait of Close for a commit that the disk does not answer.
const closeLimit = 10 * time.Second

// writer is the one connection that writes, and the queue before it.
type writer struct {
	db  *sql.DB
	log *slog.Logger
	// slot holds a token while the connection is in use; the fields below
	// belong to whoever put it there.
	slot  chan struct{}
	conn  *sql.Conn // nil before the first use and after a failure
	stmts statements
	// full is why a transaction failed, if that was the disk, until it takes what
	// is written again. Reading goes on meanwhile, and would tell nothing.
	full atomic.Pointer[error]
	dir  string // of the file
}

func openWriter(f file, log *slog.Logger) (*writer, error) {
	db, err := sql.Open("sqlite", f.writing(busyTimeout))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(1)
	return &writer{db: db, log: log, slot: make(chan struct{}, 1), dir: filepath.Dir(string(f))}, nil
}

// close closes the connection after the transaction that is being written.
func (w *writer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := w.acquire(ctx); err != nil {
		return fmt.Errorf("close database: a commit is still being written: %w", err)
	}
	defer w.release()
	w.discard()
	return w.db.Close()
}

// transact runs do in a write transaction and commits it. The context ends the
// wait for the connection, the transaction before its commit, and the wait for
// the commit, which is ErrOutcomeUnknown.
func (w *writer) transact(ctx context.Context, do func(*tx) error) (err error) {
	if err := w.acquire(ctx); err != nil {
		return err
	}
	t := &tx{writer: w, ctx: context.WithoutCancel(ctx)}
	defer func() { w.note(err) }()
	committing := false
	defer func() {
		if !committing { // an error, or a panic
			t.rollback()
			w.release()
		}
	}()
	if err := t.begin(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	committing = true
	return t.commit(ctx)
}

// note remembers that the disk does not take what is written.
func (w *writer) note(err error) {
	if diskFails(err) {
		w.full.Store(&err)
	}
}

// probeSize is how many bytes must fit onto a disk that was full: more than a
// batch of sales writes. Less than that may fit all the time, which helps nobody.
const probeSize = 256 << 10

// probe tells whether the disk takes what is written, if it lately did not.
func (w *writer) probe() error {
	full := w.full.Load()
	if full == nil {
		return nil
	}
	file, err := os.CreateTemp(w.dir, "probe-")
	if err != nil {
		return errors.Join(*full, err)
	}
	_, err = file.Write(make([]byte, probeSize))
	if err := errors.Join(err, file.Sync(), file.Close(), os.Remove(file.Name())); err != nil {
		return errors.Join(*full, err)
	}
	w.full.CompareAndSwap(full, nil)
	return nil
}

// journalMode returns how the file is written: "wal" on every sound file system.
func (w *writer) journalMode(ctx context.Context) (string, error) {
	if err := w.acquire(ctx); err != nil {
		return "", err
	}
	defer w.release()
	if err := w.connect(ctx); err != nil {
		return "", err
	}
	var mode string
	err := w.conn.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode)
	return mode, err
}

// acquire waits for the connection until the context ends.
func (w *writer) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) release() { <-w.slot }

// connect opens the connection if there is none.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", away(err))
	}
	w.conn, w.stmts = conn, make(statements)
	return nil
}

// discard closes the connection; the next transaction opens another.
func (w *writer) discard() {
	if w.conn == nil {
		return
	}
	w.stmts.close()
	// The driver's name for a connection that must not be used again.
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn = nil
}
