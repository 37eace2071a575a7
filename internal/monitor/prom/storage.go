package prom

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/fileutil"
	"github.com/prometheus/prometheus/util/compression"
)

// The measures of the database. Those of the library are made for millions of
// series; a ticket office with its monitoring has some two thousand.
const (
	// blockSpan is how much time a new block holds; the library's is 2 h. Up to
	// one and a half times that is in the write-ahead log, which is replayed at
	// the next start: at one scrape a second, the library's measure would make it
	// some 20 million samples, and seconds of waiting.
	blockSpan = 30 * time.Minute
	// maxBlockSpan is the longest block, if a tenth of the retention is not
	// shorter; both are what the Prometheus binary has.
	maxBlockSpan = 31 * 24 * time.Hour
	// walSegment is the size of a file of the write-ahead log; the library's is
	// 128 MiB. Old log is deleted by whole files.
	walSegment = 16 << 20
	// chunkSegment is the size of a file of samples in a block. A file is taken
	// from the disk at once when it is begun: the library's 512 MiB would fill a
	// small disk for nothing.
	chunkSegment = 16 << 20
	// stripes is by how many locks series are kept, a power of two. The library's
	// 16384 cost 7 MiB before the first series is there.
	stripes = 512
	// headBuffer is the write buffer of the samples of the last hours, the
	// least that the library takes instead of its 4 MiB.
	headBuffer = chunks.MinWriteBufferSize
	// never is later than any process ends.
	never = 100 * 365 * 24 * time.Hour
	// exemplarsKept is how many exemplars are kept in memory, the newest; the
	// library's 100,000 take 6 MiB at once.
	exemplarsKept = 10_000
)

// database is the time series database and the lock of its directory.
type database struct {
	*tsdb.DB

	options Options
	lock    fileutil.Releaser
}

// openStorage takes the directory and opens the database in it, which replays
// the write-ahead log, and repairs it where it is damaged.
func openStorage(o Options, p plan, reg prometheus.Registerer, logger *slog.Logger) (*database, error) {
	// The database could take the lock, but would first clean up what to it
	// looks like left-overs, and is the other process's work.
	lock, _, err := fileutil.Flock(filepath.Join(o.Dir, "lock"))
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("open metrics directory: %w", err)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrTaken, o.Dir, err)
	}
	if err := o.room(leastSpace()); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	db, err := tsdb.Open(o.Dir, logger.With("part", "tsdb"), reg, storageOptions(o, p), nil)
	if err != nil {
		err = fmt.Errorf("open metrics database %s: %w", o.Dir, o.setBrokenAside(oneLine(err)))
		return nil, errors.Join(err, lock.Release())
	}
	return &database{DB: db, options: o, lock: lock}, nil
}

func storageOptions(o Options, p plan) *tsdb.Options {
	longest := maxBlockSpan
	if o.RetentionTime > 0 {
		longest = min(longest, o.RetentionTime/10)
	}
	t := tsdb.DefaultOptions()
	t.NoLockfile = true           // It is taken already.
	t.BlockReloadInterval = never // What it does is done by [database.tend] and by compaction.
	t.WALSegmentSize = walSegment
	t.WALCompression = compression.Snappy // As the binary; the library's default is none.
	t.MaxBlockChunkSegmentSize = chunkSegment
	t.RetentionDuration = o.RetentionTime.Milliseconds()
	t.MaxBytes = o.RetentionSize
	t.MinBlockDuration = blockSpan.Milliseconds()
	t.MaxBlockDuration = max(blockSpan, longest).Milliseconds()
	t.StripeSize = stripes
	t.HeadChunksWriteBufferSize = headBuffer
	t.EnableExemplarStorage = true
	t.MaxExemplars = exemplarsKept
	if e := p.config.StorageConfig.ExemplarsConfig; e != nil {
		t.MaxExemplars = e.MaxExemplars
	}
	// Samples older than the newest of their series are dropped and logged, as
	// the binary does unless told otherwise: after the clock was set back, a
	// series goes on when time has caught up.
	t.OutOfOrderTimeWindow = p.config.StorageConfig.TSDBConfig.OutOfOrderTimeWindow
	t.FloatChunkEncoding = chunkenc.EncXOR
	return t
}
