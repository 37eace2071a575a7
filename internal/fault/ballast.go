package fault

import (
	"context"
	"time"
)

const (
	// A ballast of a fixed size is at most 1/ballastShare of the replica's memory
	// limit.
	ballastShare = 4
	// unknownMemoryLimit replaces an unknown memory limit, in bytes.
	unknownMemoryLimit = 1 << 30
	// ballastChunk is how much memory is allocated or released between two checks
	// of the free memory, in bytes.
	ballastChunk = 16 << 20
	// pageSize is the smallest size of a memory page, in bytes. Each page must be
	// written to once, or it uses no memory.
	pageSize = 4096
	// ballastInterval is how often the free memory is checked while a ballast is
	// held. The sale never allocates [MemoryReserve] in that time.
	ballastInterval = 100 * time.Millisecond

	// MemoryReserve is what a ballast always leaves free, in bytes, so that the
	// sale and the machine keep working.
	MemoryReserve = 128 << 20
)

// hold holds memory until the context ends, and then returns it to the system. It
// does not use Go's heap, because the garbage collector would then allow as much
// garbage as the size of the ballast.
func (i *Injector) hold(ctx context.Context, b Ballast) {
	var held [][]byte
	bytes := uint64(0)
	defer func() {
		for _, chunk := range held {
			release(chunk)
		}
		i.metrics.ballast.Set(0)
	}()
	ticker := time.NewTicker(ballastInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		switch want := i.ballast(b, bytes); {
		case want > bytes:
			chunk, err := reserve(int(min(want-bytes, ballastChunk)))
			if err == nil {
				held, bytes = append(held, chunk), bytes+uint64(len(chunk))
				i.metrics.ballast.Set(float64(bytes))
				continue
			}
			// The system is out of memory: keep what is already held.
		case want < bytes:
			last := held[len(held)-1]
			release(last)
			held, bytes = held[:len(held)-1], bytes-uint64(len(last))
			i.metrics.ballast.Set(float64(bytes))
			continue
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// ballast returns how many bytes to hold, given how many are held now. It tolerates
// a difference of one chunk, or the size would oscillate.
func (i *Injector) ballast(b Ballast, held uint64) uint64 {
	fixed := min(b.Bytes, i.memoryLimit/ballastShare)
	if b.Percent == 0 || i.memory == nil {
		return fixed
	}
	used, total, err := i.memory()
	if err != nil {
		return min(held, fixed)
	}
	full := uint64(float64(total) * b.Percent / 100)
	full = min(full, total-min(total, MemoryReserve))
	switch {
	case used > full+ballastChunk:
		return max(held-min(held, ballastChunk), min(held, fixed))
	case used+ballastChunk <= full:
		return held + ballastChunk
	}
	return max(held, fixed)
}
