package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// outcome is what became of a purchase, as it is counted.
type outcome uint8

// The outcomes. Every purchase that reaches a buy call has exactly one.
const (
	// outcomeNone: the request was no purchase.
	outcomeNone outcome = iota
	outcomeSold
	outcomeReplayed
	outcomeSoldOut
	outcomeDenied
	outcomeNotFound
	// outcomeInvalid: the request breaks a rule, whichever.
	outcomeInvalid
	// outcomeShed: turned away unwritten, for want of room or time.
	outcomeShed
	// outcomeFailed: not sold, and not by the buyer's fault.
	outcomeFailed
	// outcomeUnsure: the database was cut off while it wrote.
	outcomeUnsure
	// outcomeAbandoned: the buyer hung up and was not charged.
	outcomeAbandoned
	outcomes
)

// String returns the outcome as its label says it.
func (o outcome) String() string {
	return [outcomes]string{
		"", "sold", "replayed", "sold_out", "denied", "not_found",
		"invalid", "shed", "failed", "unknown", "abandoned",
	}[o]
}

// metrics are the server's own, beside those of the HTTP API.
type metrics struct {
	purchases    [outcomes]prometheus.Counter
	saleDuration prometheus.Histogram
	wrongTokens  prometheus.Counter
	items        *itemMetrics
}

func newMetrics(o Options) *metrics {
	reg := o.Registerer
	factory := promauto.With(reg)
	purchases := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "onsale_purchases_total",
		Help: "Purchases that were asked for, by what became of them.",
	}, []string{"outcome"})
	m := &metrics{items: newItemMetrics(reg, o.MaxUserLabels, o.Now), saleDuration: factory.NewHistogram(prometheus.HistogramOpts{
		Name:                            "onsale_sale_duration_seconds",
		Help:                            "Time from order to outcome, without the simulated payment step.",
		Buckets:                         prometheus.ExponentialBuckets(0.0005, 2, 15), // 0.5 ms to 8 s
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	})}
	m.wrongTokens = factory.NewCounter(prometheus.CounterOpts{
		Name: "onsale_admin_wrong_tokens_total",
		Help: "Admin calls that were refused because their token was wrong.",
	})
	for o := outcomeNone + 1; o < outcomes; o++ {
		m.purchases[o] = purchases.WithLabelValues(o.String())
	}
	return m
}
