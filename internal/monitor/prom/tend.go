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
	// lookEvery is how often disk space and clock are looked at. Each look costs a
	// few microseconds.
	lookEvery = time.Second
	// writeEvery is how often samples of the last hours are written from memory to
	// their files, as often as the library does.
	writeEvery = time.Minute
	// spaceToWrite is what may be written before the next look: two blocks while
	// they are made, and the samples of memory while the log is replayed, in bytes.
	// Who else is on the same disk, as the sale is, has it for themselves when the
	// metrics rest.
	spaceToWrite = 64 << 20
	// spaceToGoOn is how much more must be free before the metrics go on, so that
	// they do not rest again at once.
	spaceToGoOn = 32 << 20
)

// tend looks after the database until the context ends, or until it cannot go on
// as it is, for the reason that it returns.
//
// It does the regular writing in place of the library, which does it in a
// goroutine of its own and panics there when the disk is full: it would take the
// sale with it.
func (d *database) tend(ctx context.Context) error {
	look, write := time.NewTicker(lookEvery), time.NewTicker(writeEvery)
	defer look.Stop()
	defer write.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
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

// safely makes an error of a panic, which is how the library says that it cannot
// write samples.
func safely(write func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return write()
}

// leastSpace is with how much free space metrics are written. On Windows a file
// of samples takes all that it may ever hold when it is begun.
func leastSpace() uint64 {
	return spaceToWrite + uint64(max(0, chunks.HeadChunkFilePreallocationSize))
}

// freeSpace asks the system how many bytes may be written.
func freeSpace(dir string) (uint64, error) {
	usage, err := disk.Usage(dir)
	if err != nil {
		return 0, fmt.Errorf("read free disk space: %w", err)
	}
	return usage.Free, nil
}

// room returns [ErrFull] if fewer bytes are free. Where it cannot be known it is
// taken for enough.
func (o Options) room(least uint64) error {
	free, err := o.FreeSpace(o.Dir)
	if err != nil || free >= least {
		return nil
	}
	const mega = 1 << 20
	return fmt.Errorf("%w: %s has %d MB, %d MB are needed", ErrFull, o.Dir, free/mega, least/mega)
}

// rest waits until there is space to go on, or until the context ends, and says
// whether it was the space.
func (o Options) rest(ctx context.Context) bool {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for o.room(leastSpace()+spaceToGoOn) != nil {
		select {
		case <-ctx.Done():
			return false
		case <-look.C:
		}
	}
	return ctx.Err() == nil
}
