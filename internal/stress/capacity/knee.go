package capacity

import (
	"time"

	"onsale/internal/stress/result"
)

// kneeDrop is the share of the best power that must be lost above a knee, so that noise
// is not a knee.
const kneeDrop = 0.1

// kneeOf returns the load from which latency grows out of proportion; 0 if there is
// none among the steps.
//
// It is the load of the greatest power, which is throughput divided by latency. Below
// it, one per cent more load costs less than one per cent of latency; above it, more.
// For an M/M/1 queue, that is half of its capacity, where its mean time has doubled.
// For a server with a fixed service time, it is just below its capacity. (L. Kleinrock,
// "Power and Deterministic Rules of Thumb for Probabilistic Problems in Computer
// Communications", ICC 1979.)
//
// Unlike the distance from a chord, the maximum does not depend on the last point
// measured. It needs neither smoothing nor evenly spread points: there are about ten,
// most of them near the capacity. Throughput counts requests that did not fail, and
// latency is the 95th percentile. Only a load that held can be the knee, and a load
// above it must have lost a tenth of its power.
func kneeOf(steps []result.Step) float64 {
	var knee, best float64
	at := merge(steps)
	for _, p := range at {
		if p.held && p.power > best {
			knee, best = p.load, p.power
		}
	}
	for _, p := range at {
		if p.load > knee && p.power < best*(1-kneeDrop) {
			return knee
		}
	}
	return 0
}

// point has all measurements of one load.
type point struct {
	load, power float64
	held        bool
}

// merge makes one point of the steps of each load: of those that held, if any did.
func merge(steps []result.Step) []point {
	var points []point
	sorted := byLoad(steps)
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Load == sorted[0].Load {
			n++
		}
		p := point{load: sorted[0].Load}
		for _, step := range sorted[:n] {
			p.held = p.held || step.Held
		}
		var rate, latency float64
		for _, step := range sorted[:n] {
			if step.Held == p.held && !step.Tester {
				rate += step.Rate * (1 - step.FailureShare)
				latency += time.Duration(step.P95).Seconds()
			}
		}
		if latency > 0 {
			p.power = rate / latency
			points = append(points, p)
		}
		sorted = sorted[n:]
	}
	return points
}
