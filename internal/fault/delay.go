package fault

import (
	"math"
	"time"
)

// Delay says how long to wait: at most one of its fields is set, and none
// means no wait.
type Delay struct {
	// Fixed is the same wait every time.
	Fixed time.Duration
	// Uniform is any wait of a range, all equally likely.
	Uniform Range
	// LogNormal is mostly short and now and then long, as real services answer.
	LogNormal LogNormal
}

// Range is a range of time, from Min to Max.
type Range struct{ Min, Max time.Duration }

// LogNormal is a log-normal distribution of waits, told by what dashboards
// show: half of the waits are at most the Median, 99 in 100 at most the P99.
// No wait is longer than [MaxDelay].
type LogNormal struct{ Median, P99 time.Duration }

// z99 is the 0.99 quantile of the standard normal distribution.
const z99 = 2.3263478740408408

// at returns the wait at quantile u, 0 ≤ u < 1: given a u that is uniformly
// distributed, the waits are distributed as the delay says.
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
		return l.Median // z may be infinite, and 0·∞ is no number
	}
	return time.Duration(min(float64(l.Median)*math.Exp(sigma*z), float64(MaxDelay)))
}

// words describes the delay after its name, or says nothing of none.
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
