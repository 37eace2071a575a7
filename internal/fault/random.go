package fault

import (
	crand "crypto/rand"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// generator is a random generator that decides which faults affect a call. Each route
// has its own. With a seed, the n-th call of a route then gets the same faults in
// every run, whatever the other routes do. Purchase ids never come from it.
type generator struct {
	mu  sync.Mutex
	pcg *rand.PCG
}

// newGenerator returns a generator that depends only on the plan's seed and the route.
// So it is the same after a restart and on every replica. Seed 0 is replaced by a
// cryptographically random seed.
func newGenerator(seed uint64, route string) *generator {
	if seed == 0 {
		var fresh [8]byte
		_, _ = crand.Read(fresh[:]) // never fails
		seed = binary.LittleEndian.Uint64(fresh[:])
	}
	name := fnv.New64a()
	_, _ = name.Write([]byte(route)) // never fails
	return &generator{pcg: rand.NewPCG(seed, name.Sum64())}
}

// outcome is the set of faults that affect one call.
type outcome struct {
	deny, fail, reset, hang bool
	delay                   time.Duration
}

// route decides the faults of one call. It always draws five numbers, so changing
// one fault does not change the numbers for the others.
func (g *generator) route(f *RouteFaults) outcome {
	g.mu.Lock()
	defer g.mu.Unlock()
	return outcome{
		deny:  g.next() < f.Deny,
		fail:  g.next() < f.Error,
		reset: g.next() < f.Reset,
		hang:  g.next() < f.Hang,
		delay: f.Delay.at(g.next()),
	}
}

// database decides the faults of one transaction.
func (g *generator) database(f *DatabaseFaults) outcome {
	g.mu.Lock()
	defer g.mu.Unlock()
	return outcome{fail: g.next() < f.Error, delay: f.Delay.at(g.next())}
}

// next returns a uniformly distributed number, 0 ≤ u < 1, with the 53 bits of a
// float64. The caller holds the lock.
func (g *generator) next() float64 { return float64(g.pcg.Uint64()>>11) / (1 << 53) }
