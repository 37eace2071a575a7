package sale

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the engine's own.
type metrics struct {
	batchSize     prometheus.Histogram
	batchDuration prometheus.Histogram
	reruns        *prometheus.CounterVec
}

// The reasons for which a batch is run again, as a label tells them.
const (
	rerunConflict    = "conflict"
	rerunUnavailable = "unavailable"
	rerunUnknown     = "unknown"
	rerunRefused     = "refused"
)

func newMetrics(reg prometheus.Registerer, s *Seller) *metrics {
	m := &metrics{
		batchSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                            "onsale_batch_size_orders",
			Help:                            "Orders written in one transaction.",
			Buckets:                         prometheus.ExponentialBuckets(1, 2, 13),
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}),
		batchDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                            "onsale_batch_duration_seconds",
			Help:                            "Time that one run of a batch took in the database, simulated slowness included.",
			Buckets:                         prometheus.ExponentialBuckets(0.0005, 2, 15),
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}),
		reruns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onsale_batch_reruns_total",
			Help: "Runs of a batch beyond its first, by what made them necessary.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{rerunConflict, rerunUnavailable, rerunUnknown, rerunRefused} {
		m.reruns.WithLabelValues(reason)
	}
	reg.MustRegister(m.batchSize, m.batchDuration, m.reruns,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "onsale_queue_depth_orders",
			Help: "Orders that wait for a batch.",
		}, func() float64 { return float64(s.depth()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "onsale_queue_limit_orders",
			Help: "Orders that may wait before further ones are turned away.",
		}, func() float64 { return float64(s.options.QueueLimit) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "onsale_database_up",
			Help: "1 while the database answers and lets purchases be written, else 0.",
		}, func() float64 {
			if s.Ready() == nil {
				return 1
			}
			return 0
		}),
	)
	return m
}

func (m *metrics) batch(orders int, d time.Duration) {
	m.batchSize.Observe(float64(orders))
	m.batchDuration.Observe(d.Seconds())
}

func (m *metrics) rerun(err error) {
	reason := rerunUnavailable
	switch {
	case errors.Is(err, ErrConflict):
		reason = rerunConflict
	case errors.Is(err, ErrOutcomeUnknown):
		reason = rerunUnknown
	case errors.Is(err, ErrRefused):
		reason = rerunRefused
	}
	m.reruns.WithLabelValues(reason).Inc()
}
