package stress_test

import (
	"math"
	"slices"
)

// distance returns the Kolmogorov-Smirnov distance of a sample from a distribution.
func distance(sample []float64, distribution func(float64) float64) (far float64) {
	slices.Sort(sample)
	n := float64(len(sample))
	for i, x := range sample {
		p := distribution(x)
		far = max(far, math.Abs(p-float64(i)/n), math.Abs(float64(i+1)/n-p))
	}
	return far
}

// limit returns the distance that one sample in a thousand exceeds.
func limit(n int) float64 { return 1.95 / math.Sqrt(float64(n)) }

// percentile returns the exact percentile: the smallest value that at least so many per
// cent of all values do not exceed.
func percentile[N ~int64](values []N, percent float64) N {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(float64(len(sorted))*percent/100))-1, 0)]
}
