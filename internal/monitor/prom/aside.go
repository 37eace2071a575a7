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

// maxAhead is how far the newest sample may be ahead of the clock. A target may
// tell a time of its own, which the library takes if it is at most 10 minutes
// ahead; and up to here new series are still stored.
const maxAhead = 15 * time.Minute

// Where files are set aside, in the directory of the metrics. The library takes
// no notice of them. What was set aside before is deleted.
const (
	aheadDir  = "ahead"
	brokenDir = "broken"
)

var (
	// errAhead means that there are samples of the future. The library stores none
	// that are much older than the newest, and so would store none at all.
	errAhead = errors.New("the clock was set back")
	// errBroken means that the database could not be read, and was set aside.
	errBroken = errors.New("damaged")
)

// closeAfter closes the database, which was used until the error, and lets go of
// its directory. What is ahead of the clock is set aside.
func (d *database) closeAfter(err error) error {
	failed := safely(d.Close)
	if failed == nil && errors.Is(err, errAhead) {
		failed = d.setFutureAside()
	}
	if failed = errors.Join(failed, d.lock.Release()); failed == nil {
		return err
	}
	failed = fmt.Errorf("close metrics database: %w", oneLine(failed))
	if errors.Is(err, errAhead) {
		return failed // or it would be tried for ever
	}
	return errors.Join(err, failed)
}

// notAhead returns errAhead if there are samples of the future.
func (d *database) notAhead() error {
	newest := d.Head().MaxTime()
	for _, b := range d.Blocks() {
		newest = max(newest, blockEnd(b))
	}
	if !d.inFuture(newest) {
		return nil
	}
	return fmt.Errorf("%w: there are samples of %s", errAhead, time.UnixMilli(newest).UTC().Format(time.RFC3339))
}

// blockEnd is when the samples of a block end at the earliest. The library rounds
// the end up to that of a span.
func blockEnd(b *tsdb.Block) int64 { return b.MaxTime() - blockSpan.Milliseconds() }

func (d *database) inFuture(milliseconds int64) bool {
	return milliseconds > d.options.Now().Add(maxAhead).UnixMilli()
}

// headFiles are the log and the files of the last hours, beside the blocks.
func headFiles() []string { return []string{"wal", "wbl", "chunks_head"} }

// setFutureAside moves the files of a closed database that hold samples of the
// future: the log and the files of the last hours, and the blocks that end there.
// The rest of the past stays.
func (d *database) setFutureAside() error {
	files := headFiles()
	for _, b := range d.Blocks() {
		if d.inFuture(blockEnd(b)) {
			files = append(files, b.Meta().ULID.String())
		}
	}
	return d.options.setAside(aheadDir, files)
}

// setBrokenAside moves what cannot be opened, and returns the reason, with
// errBroken if something was moved: the blocks that are damaged or, if none is, the
// log and the files of the last hours. A database that the system gives no access to stays: it may be whole.
func (o Options) setBrokenAside(reason error) error {
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
	if err := o.setAside(brokenDir, files); err != nil {
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

// setAside moves files of the directory into one below it.
func (o Options) setAside(name string, files []string) error {
	to := filepath.Join(o.Dir, name)
	if err := errors.Join(os.RemoveAll(to), os.Mkdir(to, 0o700)); err != nil {
		return fmt.Errorf("set aside: %w", err)
	}
	for _, file := range files {
		err := os.Rename(filepath.Join(o.Dir, file), filepath.Join(to, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set aside: %w", err)
		}
	}
	return nil
}
