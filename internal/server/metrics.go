package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// outcome is the outcome of a purchase, as the metrics count it.
type outcome uint8

// The outcomes. Every purchase that reaches a buy call has exactly one.
const (
	// outcomeNone: the request was not a purchase.
	outcomeNone outcome = iota
	outcomeSold
	outcomeReplayed
	outcomeSoldOut
	outcomeDenied
	outcomeNotFound
	// outcomeInvalid: the request broke a rule.
	outcomeInvalid
	// outcomeShed: rejected because the server was overloaded or stopping.
	outcomeShed
	// outcomeFailed: not sold because of an error on the server's side.
	outcomeFailed
	// outcomeUnsure: the connection to the database broke during the write.
	outcomeUnsure
	// outcomeAbandoned: the buyer disconnected and was not charged.
	outcomeAbandoned
	outcomes
)

// String returns the value of the label outcome.
func (o outcome) String() string {
	return [outcomes]string{
		"", "sold", "replayed", "sold_out", "denied", "not_found",
		"invalid", "shed", "failed", "unknown", "abandoned",
	}[o]
}

// metrics are the server's metrics, except those of package telemetry.
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
		Help: "Requests to buy tickets, by outcome.",
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
		Help: "Admin calls rejected because of a wrong token.",
	})
	for o := outcomeNone + 1; o < outcomes; o++ {
		m.purchases[o] = purchases.WithLabelValues(o.String())
	}
	return m
}
