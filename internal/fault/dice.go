package fault

import (
	crand "crypto/rand"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// dice decide the fate of one call after the other. Each route has its own, so
// that with a seed the n-th call of a route meets the same fate in every run,
// whatever the other routes do. Purchase ids never come from them.
type dice struct {
	mu        sync.Mutex
	generator *rand.PCG
}

// newDice returns dice that depend on nothing but the plan's seed and the route,
// so that they are the same after a restart, and on every replica; seed 0 is
// replaced by one that nobody can guess.
func newDice(seed uint64, route string) *dice {
	if seed == 0 {
		var fresh [8]byte
		_, _ = crand.Read(fresh[:]) // never fails
		seed = binary.LittleEndian.Uint64(fresh[:])
	}
	name := fnv.New64a()
	_, _ = name.Write([]byte(route)) // never fails
	return &dice{generator: rand.NewPCG(seed, name.Sum64())}
}

// fate is what becomes of one call.
type fate struct {
	deny, fail, reset, hang bool
	delay                   time.Duration
}

// route dices for one call of a route: always five rolls, so that changing one
// fault leaves the rolls of the others as they were.
func (d *dice) route(f *RouteFaults) fate {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fate{
		deny:  d.roll() < f.Deny,
		fail:  d.roll() < f.Error,
		reset: d.roll() < f.Reset,
		hang:  d.roll() < f.Hang,
		delay: f.Delay.at(d.roll()),
	}
}

// database dices for one transaction.
func (d *dice) database(f *DatabaseFaults) fate {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fate{fail: d.roll() < f.Error, delay: f.Delay.at(d.roll())}
}

// roll returns a number that is uniformly distributed over 0 ≤ u < 1, of the
// 53 bits that a float64 keeps. The caller holds the lock.
func (d *dice) roll() float64 { return float64(d.generator.Uint64()>>11) / (1 << 53) }
