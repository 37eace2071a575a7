package sale

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the metrics of a [Seller].
type metrics struct {
	batchSize     prometheus.Histogram
	batchDuration prometheus.Histogram
	reruns        *prometheus.CounterVec
}

// The reasons for a rerun of a batch, as values of the label reason.
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
			Help:                            "Time of one run of a batch in the database, including injected delays.",
			Buckets:                         prometheus.ExponentialBuckets(0.0005, 2, 15),
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}),
		reruns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onsale_batch_reruns_total",
			Help: "Reruns of batches, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{rerunConflict, rerunUnavailable, rerunUnknown, rerunRefused} {
		m.reruns.WithLabelValues(reason)
	}
	reg.MustRegister(m.batchSize, m.batchDuration, m.reruns,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "onsale_queue_depth_orders",
			Help: "Orders waiting for a batch.",
		}, func() float64 { return float64(s.depth()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "onsale_queue_limit_orders",
			Help: "Maximum number of waiting orders; further orders are rejected.",
		}, func() float64 { return float64(s.options.QueueLimit) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "onsale_database_up",
			Help: "1 if the database answers and purchases can be written, else 0.",
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
