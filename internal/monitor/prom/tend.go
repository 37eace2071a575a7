package prom

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/shirou/gopsutil/v4/disk"
)

const (
	// checkEvery is how often disk space and clock are checked. A check takes a few
	// microseconds.
	checkEvery = time.Second
	// writeEvery is how often samples of the last hours are written from memory to
	// files. It is the library's interval.
	writeEvery = time.Minute
	// spaceToWrite is how much may be written before the next check, in bytes: two
	// blocks during compaction, and the samples in memory during the replay of the log.
	// While metrics are paused, this space is left to others on the same disk, such as
	// the sale.
	spaceToWrite = 64 << 20
	// spaceToGoOn is how much more must be free before metrics resume, so that they are
	// not paused again at once.
	spaceToGoOn = 32 << 20
)

// tend maintains the database until the context ends. It returns an error if the database
// has to be closed: the disk is full, the clock was set back, or writing failed.
//
// tend also writes the samples to files once a minute. The library would do that in its
// own goroutine and panic there when the disk is full, which would end the process.
func (d *database) tend(ctx context.Context) error {
	check, write := time.NewTicker(checkEvery), time.NewTicker(writeEvery)
	defer check.Stop()
	defer write.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-check.C:
			if err := errors.Join(d.options.room(leastSpace()), d.notAhead()); err != nil {
				return err
			}
		case <-write.C:
			if err := d.options.room(leastSpace()); err != nil {
				return err
			}
			if err := safely(func() error { d.ForceHeadMMap(); return nil }); err != nil {
				return errors.Join(fmt.Errorf("write samples: %w", err), d.options.room(leastSpace()))
			}
		}
	}
}

// safely turns a panic into an error. The library panics if it cannot write samples.
func safely(write func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return write()
}

// leastSpace returns how much free space is needed to write metrics, in bytes. On Windows
// a file of samples is allocated in full when it is created.
func leastSpace() uint64 {
	return spaceToWrite + uint64(max(0, chunks.HeadChunkFilePreallocationSize))
}

// freeSpace returns the free space of a file system, in bytes.
func freeSpace(dir string) (uint64, error) {
	usage, err := disk.Usage(dir)
	if err != nil {
		return 0, fmt.Errorf("read free disk space: %w", err)
	}
	return usage.Free, nil
}

// room returns [ErrFull] if fewer than least bytes are free. It returns nil if the free
// space is unknown.
func (o Options) room(least uint64) error {
	free, err := o.FreeSpace(o.Dir)
	if err != nil || free >= least {
		return nil
	}
	const mega = 1 << 20
	return fmt.Errorf("%w: %s has %d MB free, %d MB are needed", ErrFull, o.Dir, free/mega, least/mega)
}

// rest waits until there is enough space to resume. It returns false if the context ends
// first.
func (o Options) rest(ctx context.Context) bool {
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	for o.room(leastSpace()+spaceToGoOn) != nil {
		select {
		case <-ctx.Done():
			return false
		case <-check.C:
		}
	}
	return ctx.Err() == nil
}
