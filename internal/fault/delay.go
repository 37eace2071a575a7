package fault

import (
	"math"
	"time"
)

// Delay is a distribution of delays. At most one of its fields is set; without any,
// there is no delay.
type Delay struct {
	// Fixed is a constant delay.
	Fixed time.Duration
	// Uniform is a delay uniformly distributed over a range.
	Uniform Range
	// LogNormal is mostly short and sometimes long, like the response time of real
	// services.
	LogNormal LogNormal
}

// Range is a range of durations from Min to Max.
type Range struct{ Min, Max time.Duration }

// LogNormal is a log-normal distribution of delays with the given median and 99th
// percentile. No delay is longer than [MaxDelay].
type LogNormal struct{ Median, P99 time.Duration }

// z99 is the 0.99 quantile of the standard normal distribution.
const z99 = 2.3263478740408408

// at returns the quantile u of the distribution, 0 ≤ u < 1. For a uniformly
// distributed u, the results have the distribution of the delay.
func (d Delay) at(u float64) time.Duration {
	switch {
	case d.Uniform != Range{}:
		return d.Uniform.Min + time.Duration(u*float64(d.Uniform.Max-d.Uniform.Min))
	case d.LogNormal != LogNormal{}:
		return d.LogNormal.at(u)
	}
	return d.Fixed
}

// at returns the quantile u of the distribution, exp(μ + σ·z(u)), where z is
// the quantile function of the standard normal distribution (NIST/SEMATECH
// e-Handbook of Statistical Methods, 1.3.6.6.9). The median is exp(μ) and the
// 0.99 quantile is exp(μ + σ·z99), hence σ = ln(p99/median)/z99.
func (l LogNormal) at(u float64) time.Duration {
	z := math.Sqrt2 * math.Erfinv(2*u-1)
	sigma := math.Log(float64(l.P99)/float64(l.Median)) / z99
	if sigma == 0 {
		return l.Median // z may be infinite, and 0·∞ is NaN
	}
	return time.Duration(min(float64(l.Median)*math.Exp(sigma*z), float64(MaxDelay)))
}

// words returns the name and a description of the delay, or an empty text without a
// delay.
func (d Delay) words(name string) string {
	switch {
	case d.Fixed != 0:
		return name + " " + d.Fixed.String()
	case d.Uniform != Range{}:
		return name + " " + d.Uniform.Min.String() + " to " + d.Uniform.Max.String()
	case d.LogNormal != LogNormal{}:
		return name + " of median " + d.LogNormal.Median.String() + " and p99 " + d.LogNormal.P99.String()
	}
	return ""
}
