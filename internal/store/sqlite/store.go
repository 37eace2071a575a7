// Package sqlite keeps the sale and the items in one SQLite file, embedded in the
// process. Several processes on one machine can share the file.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"time"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/store/gate"
	"onsale/internal/store/schema"
)

var (
	_ sale.Ledger  = (*Store)(nil)
	_ sale.Auditor = (*Store)(nil)
	_ fault.Store  = (*Store)(nil)
	_ item.Store   = (*Store)(nil)
)

// DefaultMaxReaders is the default number of reading connections, if the machine has
// no more processors than that. A read of the books occupies one of them.
const DefaultMaxReaders = 4

// Options of a [Store]. The zero value of each field is its default.
type Options struct {
	// Now returns the time that rows are written with, and that their age is measured
	// against. The default is time.Now.
	Now func() time.Time
	// Gate is called at the start of each transaction and each read of the sale, and of
	// each write of an item. It can delay the call or return an error. Nil lets every
	// call through.
	Gate func(context.Context) error
	// Logger logs migrations and replaced connections. Nil logs nothing.
	Logger *slog.Logger
	// MaxReaders limits the connections that read at the same time. 0 means
	// DefaultMaxReaders or the number of processors, whichever is greater.
	MaxReaders int
}

func (o Options) withDefaults() (Options, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Gate == nil {
		o.Gate = func(context.Context) error { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxReaders == 0 {
		o.MaxReaders = max(DefaultMaxReaders, runtime.GOMAXPROCS(0))
	}
	if o.MaxReaders < 1 {
		return o, fmt.Errorf("max readers must be at least 1, not %d", o.MaxReaders)
	}
	return o, nil
}

// Store keeps the sale in SQLite. One connection writes, others read; in WAL
// mode neither waits for the other.
type Store struct {
	options Options
	file    file
	writer  *writer
	reader  *reader
	// pinger has a connection for pings, so that they do not wait for readers.
	pinger *reader
	// scanning holds a token during a read of a whole table. Only one such read runs at
	// a time, so that other calls find a free reader.
	scanning chan struct{}

	files            fs.FS // of the migrations
	progressInterval time.Duration
}

// Open opens the database file. It creates the file and its directory if they do not
// exist, accessible only to their owner. It does not create the schema; use
// [Store.Migrate] for that.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	f, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		options: o, file: f, scanning: make(chan struct{}, 1),
		files: migrations, progressInterval: schema.ProgressInterval,
	}
	if s.writer, err = openWriter(f, o.Logger); err != nil {
		return nil, err
	}
	if s.reader, err = openReader(f, o.MaxReaders); err != nil {
		return nil, errors.Join(err, s.writer.close()) //nolint:contextcheck // closing outlasts the context
	}
	if s.pinger, err = openReader(f, 1); err != nil {
		return nil, errors.Join(err, s.reader.close(), s.writer.close()) //nolint:contextcheck // closing outlasts the context
	}
	if err := s.checkMode(ctx); err != nil {
		return nil, errors.Join(err, s.Close()) //nolint:contextcheck // closing outlasts the context
	}
	return s, nil
}

// checkMode makes sure that the file is a database in WAL mode, in which readers and
// the writer do not block each other. Some network file systems do not support it. If
// several processes create the file at once, one of them sets the mode, and the others
// get a conflict and retry.
func (s *Store) checkMode(ctx context.Context) error {
	var mode string
	err := retry(ctx, func() (err error) {
		mode, err = s.writer.journalMode(ctx)
		return err
	})
	switch {
	case err != nil:
		return wrap("open database "+string(s.file), err)
	case mode != "wal":
		return fmt.Errorf("open database %s: its file system does not support SQLite's WAL mode: journal_mode is %q", s.file, mode)
	}
	return nil
}

// Close waits up to 10 s for a running transaction, and closes all connections. The
// last process to close merges the write-ahead log into the file.
func (s *Store) Close() error {
	return errors.Join(s.pinger.close(), s.reader.close(), s.writer.close())
}

// Ping implements [sale.Ledger].
func (s *Store) Ping(ctx context.Context) error {
	_, err := readOne(ctx, s.pinger, toText, `SELECT 'alive'`)
	return wrap("ping database", err)
}

// Stats returns the number of the store's connections by state.
func (s *Store) Stats() sale.PoolStats {
	stats := s.reader.stats()
	stats.InUse += len(s.writer.slot)
	stats.Idle += 1 - len(s.writer.slot)
	stats.Max++
	return stats
}

// now returns the time in the precision of the tables, so that a receipt equals its row.
func (s *Store) now() time.Time { return s.options.Now().UTC().Truncate(time.Microsecond) }

// gate lets simulated faults delay or reject a call.
func (s *Store) gate(ctx context.Context, op string) error { return gate.Pass(ctx, op, s.options.Gate) }
