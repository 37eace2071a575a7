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

// The sizes of the database. The library's defaults are for millions of series; a ticket
// office and its monitoring have about two thousand.
const (
	// blockSpan is the time span of a new block; the library's default is 2 h. The
	// write-ahead log has up to one and a half times that, and is replayed at the next
	// start. With the default and a scrape every second, that would be 20 million
	// samples and take several seconds.
	blockSpan = 30 * time.Minute
	// maxBlockSpan is the span of the longest block, unless a tenth of the retention is
	// shorter. Both are defaults of the Prometheus binary.
	maxBlockSpan = 31 * 24 * time.Hour
	// walSegment is the size of a file of the write-ahead log; the library's default is
	// 128 MiB. Only whole files are deleted.
	walSegment = 16 << 20
	// chunkSegment is the size of a file of samples in a block. The space is allocated
	// when the file is created. The library's default of 512 MiB would fill a small
	// disk.
	chunkSegment = 16 << 20
	// stripes is the number of locks for series, a power of two. The library's default
	// of 16384 needs 7 MiB without a single series.
	stripes = 512
	// headBuffer is the write buffer for the samples of the last hours. It is the
	// library's minimum; the default is 4 MiB.
	headBuffer = chunks.MinWriteBufferSize
	// never is longer than any process runs.
	never = 100 * 365 * 24 * time.Hour
	// exemplarsKept is how many of the newest exemplars are kept in memory. The
	// library's default of 100,000 allocates 6 MiB at once.
	exemplarsKept = 10_000
)

// database is the time series database and the lock of its directory.
type database struct {
	*tsdb.DB

	options Options
	lock    fileutil.Releaser
}

// openStorage locks the directory and opens the database in it. That replays the
// write-ahead log and repairs it if it is damaged.
func openStorage(o Options, p plan, reg prometheus.Registerer, logger *slog.Logger) (*database, error) {
	// The database can take the lock itself. But before that it deletes files that look
	// like leftovers, and they may belong to the other process.
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
		err = fmt.Errorf("open metrics database %s: %w", o.Dir, o.quarantineBroken(oneLine(err)))
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
	t.NoLockfile = true           // openStorage has locked the directory
	t.BlockReloadInterval = never // [database.tend] and compaction do this work
	t.WALSegmentSize = walSegment
	t.WALCompression = compression.Snappy // as in the binary; the library's default is none
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
	// The default is to drop and log samples older than the newest of their series, as
	// in the binary. If the clock was set back, a series continues when the time has
	// caught up.
	t.OutOfOrderTimeWindow = p.config.StorageConfig.TSDBConfig.OutOfOrderTimeWindow
	t.FloatChunkEncoding = chunkenc.EncXOR
	return t
}
