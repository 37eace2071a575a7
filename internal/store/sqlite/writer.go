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

// closeLimit bounds the wait of Close for a commit that hangs on the disk.
const closeLimit = 10 * time.Second

// writer is the only connection that writes, with its queue.
type writer struct {
	db  *sql.DB
	log *slog.Logger
	// slot holds a token while the connection is in use. Only the caller that put it
	// there can use conn and stmts.
	slot  chan struct{}
	conn  *sql.Conn // nil before the first use and after a failure
	stmts statements
	// full is the last error of the disk, or nil once the disk can store writes again. A
	// read cannot find that out, because reads work on a full disk too.
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

// close waits for a running transaction and closes the connection.
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

// transact runs do in a write transaction and commits it. When the context ends, the
// wait for the connection ends, and a transaction before its commit is rolled back.
// During the commit, transact returns ErrOutcomeUnknown instead.
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

// note remembers an error of the disk.
func (w *writer) note(err error) {
	if diskFails(err) {
		w.full.Store(&err)
	}
}

// probeSize is how many bytes must fit on a disk that was full: more than a batch of
// sales writes. A smaller file can fit although a batch does not.
const probeSize = 256 << 10

// probe writes a file if the last write to the disk failed. It returns an error if that
// fails too.
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

// journalMode returns SQLite's journal mode: "wal" if the file system supports it.
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

// discard closes the connection. The next transaction opens a new one.
func (w *writer) discard() {
	if w.conn == nil {
		return
	}
	w.stmts.close()
	// ErrBadConn makes database/sql drop the connection instead of reusing it.
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn = nil
}
