package capacity

import (
	"onsale/internal/stress/result"
)

// Knee exports kneeOf.
func Knee(steps []result.Step) float64 { return kneeOf(steps) }
