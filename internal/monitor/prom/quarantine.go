package prom

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/tsdb"
)

// maxAhead is how far the newest sample may be ahead of the clock. The library accepts
// samples with a target's own time if it is at most 10 minutes ahead. Up to maxAhead it
// still stores new series.
const maxAhead = 15 * time.Minute

// The subdirectories of the metrics directory for files that are moved out of the
// database. The library ignores them. Files that were moved before are deleted.
const (
	aheadDir  = "ahead"
	brokenDir = "broken"
)

var (
	// errAhead means that the newest sample is in the future. The library rejects
	// samples that are much older than the newest, so it would store nothing at all.
	errAhead = errors.New("the clock was set back")
	// errBroken means that the database could not be read and that damaged files were
	// moved out of it.
	errBroken = errors.New("damaged")
)

// closeAfter closes the database and releases the lock of its directory. err is why it
// is closed. If that is errAhead, closeAfter moves the samples with future timestamps out
// of the database.
func (d *database) closeAfter(err error) error {
	failed := safely(d.Close)
	if failed == nil && errors.Is(err, errAhead) {
		failed = d.quarantineFuture()
	}
	if failed = errors.Join(failed, d.lock.Release()); failed == nil {
		return err
	}
	failed = fmt.Errorf("close metrics database: %w", oneLine(failed))
	if errors.Is(err, errAhead) {
		return failed // without errAhead, so that Run does not retry forever
	}
	return errors.Join(err, failed)
}

// notAhead returns errAhead if there are samples in the future.
func (d *database) notAhead() error {
	newest := d.Head().MaxTime()
	for _, b := range d.Blocks() {
		newest = max(newest, blockEnd(b))
	}
	if !d.inFuture(newest) {
		return nil
	}
	return fmt.Errorf("%w: the newest sample is from %s", errAhead, time.UnixMilli(newest).UTC().Format(time.RFC3339))
}

// blockEnd returns the earliest possible time of the last sample in a block. The library
// rounds the end of a block up to a multiple of blockSpan.
func blockEnd(b *tsdb.Block) int64 { return b.MaxTime() - blockSpan.Milliseconds() }

func (d *database) inFuture(milliseconds int64) bool {
	return milliseconds > d.options.Now().Add(maxAhead).UnixMilli()
}

// headFiles returns the names of the write-ahead log and of the files with the samples
// of the last hours, which are not in blocks yet.
func headFiles() []string { return []string{"wal", "wbl", "chunks_head"} }

// quarantineFuture moves files out of a closed database if they may contain samples with
// future timestamps: the head files, and the blocks that end in the future. Older blocks
// stay.
func (d *database) quarantineFuture() error {
	files := headFiles()
	for _, b := range d.Blocks() {
		if d.inFuture(blockEnd(b)) {
			files = append(files, b.Meta().ULID.String())
		}
	}
	return d.options.quarantine(aheadDir, files)
}

// quarantineBroken moves the damaged blocks out of the database or, if no block is damaged,
// the head files. It returns the reason, wrapped in errBroken if it moved something. If
// the reason is an error of the operating system, it moves nothing, because the database
// may be intact.
func (o Options) quarantineBroken(reason error) error {
	if _, ok := errors.AsType[syscall.Errno](reason); ok {
		return reason
	}
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		return errors.Join(reason, err)
	}
	var files []string
	for _, e := range entries {
		if o.isDamagedBlock(e.Name()) {
			files = append(files, e.Name())
		}
	}
	if len(files) == 0 {
		files = headFiles()
	}
	if err := o.quarantine(brokenDir, files); err != nil {
		return errors.Join(reason, err)
	}
	return fmt.Errorf("%w: %w", errBroken, reason)
}

// isDamagedBlock reports whether a directory is a block that cannot be opened.
func (o Options) isDamagedBlock(name string) bool {
	if _, err := ulid.ParseStrict(name); err != nil {
		return false
	}
	b, err := tsdb.OpenBlock(slog.New(slog.DiscardHandler), filepath.Join(o.Dir, name), nil, nil)
	if err != nil {
		return true
	}
	return b.Close() != nil
}

// quarantine moves files of the directory into a new subdirectory.
func (o Options) quarantine(name string, files []string) error {
	to := filepath.Join(o.Dir, name)
	if err := errors.Join(os.RemoveAll(to), os.Mkdir(to, 0o700)); err != nil {
		return fmt.Errorf("move damaged or future metrics: %w", err)
	}
	for _, file := range files {
		err := os.Rename(filepath.Join(o.Dir, file), filepath.Join(to, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("move damaged or future metrics: %w", err)
		}
	}
	return nil
}
