package wire

import (
	"math/bits"
	"sync"
)

// The sizes of shared buffers, in bytes: each is twice the one before. The smallest is
// enough for a usual request or answer, the largest for the longest head and body
// within the default limits. The garbage collector frees larger ones.
const (
	smallest = 4 << 10
	classes  = 11
	largest  = smallest << (classes - 1)
)

// buffer is a wrapper, so that putting it into a pool does not allocate.
type buffer struct{ b []byte }

// buffers lends memory to clients with a request under way, so that waiting users have
// none.
type buffers struct{ pools [classes]sync.Pool }

// class returns the index of the smallest pool whose buffers have at least the given
// size.
func class(size int) int { return bits.Len(uint(max(size, 1)-1) / smallest) }

// get returns a buffer of at least the given size.
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

// put returns a buffer.
func (p *buffers) put(b *buffer) {
	if len(b.b) <= largest {
		p.pools[class(len(b.b))].Put(b)
	}
}
