package fault

import (
	"context"
	"time"
)

const (
	// ballastShare is the part of its memory that a replica holds at most of a
	// ballast of a fixed size: one in so many.
	ballastShare = 4
	// unknownMemoryLimit stands for a memory limit that nobody told, in bytes.
	unknownMemoryLimit = 1 << 30
	// ballastChunk is how much is taken or given back at once, in bytes, between
	// two looks at how much is left.
	ballastChunk = 16 << 20
	// pageSize is the smallest page of memory, in bytes. A page that was never
	// written to takes no memory.
	pageSize = 4096
	// ballastLook is how often the memory that is left is looked at while a ballast
	// is held. Nothing that sells takes [MemoryReserve] in that time.
	ballastLook = 100 * time.Millisecond

	// MemoryReserve is what a ballast always leaves free, in bytes, so that the sale
	// and the machine go on.
	MemoryReserve = 128 << 20
)

// hold holds memory until the context ends, and gives it back to the system. It
// is not taken from Go's heap: the collector would let the garbage grow to the
// size of the ballast.
func (i *Injector) hold(ctx context.Context, b Ballast) {
	var held [][]byte
	bytes := uint64(0)
	defer func() {
		for _, chunk := range held {
			release(chunk)
		}
		i.metrics.ballast.Set(0)
	}()
	ticker := time.NewTicker(ballastLook)
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
			// The system has no more to give: what is held is all there is.
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

// ballast returns how many bytes to hold when so many are held. One chunk more or
// less than it takes makes no difference, or it would come and go all the time.
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
