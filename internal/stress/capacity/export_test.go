package capacity

import (
	"onsale/internal/stress/result"
)

// Knee is what finds the load from which latency grows out of proportion.
func Knee(steps []result.Step) float64 { return kneeOf(steps) }
