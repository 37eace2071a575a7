// Package sqlite keeps the sale and the items in one SQLite file, embedded in
// the process. Several processes may share the file on one machine.
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

// DefaultMaxReaders is how many connections read at the same time unless set
// otherwise: reads need a processor each, and at least one must be left when
// somebody reads the books.
const DefaultMaxReaders = 4

// Options of a [Store]. The zero value of a field stands for its default.
type Options struct {
	// Now tells the time for what is written, and the age of what was; nil
	// stands for time.Now.
	Now func() time.Time
	// Gate is called at the start of each transaction and each read of the
	// sale, and of each write of an item; it may wait or refuse. Nil for none.
	Gate func(context.Context) error
	// Logger hears of migrations and of connections that had to be replaced;
	// nil for none.
	Logger *slog.Logger
	// MaxReaders is how many connections may read at the same time; 0 stands
	// for DefaultMaxReaders or the number of processors if that is more.
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
	// pinger asks for signs of life, which must not queue up behind readers.
	pinger *reader
	// scanning holds a token while a whole table is read: others are to find a
	// reader free.
	scanning chan struct{}

	files            fs.FS // of the migrations
	progressInterval time.Duration
}

// Open opens the database file, and creates it and its directory, readable by
// their owner alone, if there are none. It does not create the schema; that is
// [Store.Migrate].
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

// checkMode makes sure that the file is a database whose readers and writer do
// not stand in each other's way; some network file systems cannot do that. When
// several processes create the file at once, one of them brings it into that
// mode, and the others are told that it is busy.
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

// Close waits for the transaction that is being written, and closes all
// connections. The last process to close merges the write-ahead log into the
// file.
func (s *Store) Close() error {
	return errors.Join(s.pinger.close(), s.reader.close(), s.writer.close())
}

// Ping implements [sale.Ledger].
func (s *Store) Ping(ctx context.Context) error {
	_, err := readOne(ctx, s.pinger, toText, `SELECT 'alive'`)
	return wrap("ping database", err)
}

// Stats counts the store's connections.
func (s *Store) Stats() sale.PoolStats {
	stats := s.reader.stats()
	stats.InUse += len(s.writer.slot)
	stats.Idle += 1 - len(s.writer.slot)
	stats.Max++
	return stats
}

// now is the time as the tables keep it, so that a receipt equals its row.
func (s *Store) now() time.Time { return s.options.Now().UTC().Truncate(time.Microsecond) }

// gate asks whether the simulated troubles let a call through.
func (s *Store) gate(ctx context.Context, op string) error { return gate.Pass(ctx, op, s.options.Gate) }
