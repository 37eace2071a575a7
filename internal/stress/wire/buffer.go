package wire

import (
	"math/bits"
	"sync"
)

// Sizes of the buffers that are shared, in bytes: each is twice the one before.
// The smallest holds a usual request or answer, the largest a head and a body
// that are as long as the default limits allow. Larger ones are left to the
// garbage collector.
const (
	smallest = 4 << 10
	classes  = 11
	largest  = smallest << (classes - 1)
)

// buffer is wrapped, so that putting it back into a pool does not allocate.
type buffer struct{ b []byte }

// buffers lends memory to the clients that are in the middle of a request, so
// that those who wait hold none.
type buffers struct{ pools [classes]sync.Pool }

// class is the index of the smallest pool whose buffers have at least that many bytes.
func class(size int) int { return bits.Len(uint(max(size, 1)-1) / smallest) }

// get returns a buffer of at least that many bytes.
func (p *buffers) get(size int) *buffer {
	i := class(size)
	if size > largest {
		return &buffer{make([]byte, smallest<<i)}
	}
	if b, ok := p.pools[i].Get().(*buffer); ok {
		return b
	}
	return &buffer{make([]byte, smallest<<i)}
}

// put takes a buffer back.
func (p *buffers) put(b *buffer) {
	if len(b.b) <= largest {
		p.pools[class(len(b.b))].Put(b)
	}
}
