package capacity

import "onsale/internal/stress/report"

// Knee is what finds the load from which latency grows out of proportion.
func Knee(steps []report.CapacityStep) float64 { return kneeOf(steps) }
