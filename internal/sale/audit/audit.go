// Package audit compares the books of the sale from time to time, and exposes the result as
// metrics.
package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/sale"
)

// limit bounds one comparison of the books.
const limit = time.Minute

// Options of an [Audit].
type Options struct {
	// Auditor compares the books.
	Auditor sale.Auditor
	// Interval is the time between two comparisons.
	Interval time.Duration

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Audit compares the books from time to time.
type Audit struct {
	options Options
	log     *slog.Logger

	difference prometheus.Gauge
	checkedAt  prometheus.Gauge
}

// New returns an audit that has compared nothing yet.
func New(o Options) *Audit {
	a := &Audit{
		options: o, log: o.Logger.With("component", "audit"),
		difference: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "onsale_books_difference_tickets",
			Help: "Tickets by which counters and purchases disagreed when the books were last compared; 0 is right.",
		}),
		checkedAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "onsale_books_checked_timestamp_seconds",
			Help: "When the books were last compared, by whichever replica; 0 for never.",
		}),
	}
	o.Registerer.MustRegister(a.difference, a.checkedAt)
	return a
}

// A comparison reads every purchase. Where there are many, and the interval is
// short, it is made less often, so that it takes one part in share of the
// time, but at least every maxPause.
const (
	share    = 50
	maxPause = time.Minute
)

// Run compares the books now and at every interval, or less often, until the context ends,
// and returns its cause.
func (a *Audit) Run(ctx context.Context) error {
	for {
		began := time.Now()
		a.once(ctx)
		stretched := min(share*time.Since(began), maxPause)
		select {
		case <-time.After(max(a.options.Interval, stretched)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// once compares the books, unless another replica did so within three quarters of the
// interval. A whole interval would let the timers of two replicas miss each other.
func (a *Audit) once(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	difference, checkedAt, err := a.options.Auditor.AuditBooks(ctx, a.options.Interval*3/4)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Warn("books not compared", "error", err)
		}
		return
	}
	if difference != 0 {
		a.log.Error("books do not balance", "difference_tickets", difference)
	}
	a.difference.Set(float64(difference))
	a.checkedAt.Set(float64(checkedAt.UnixMilli()) / 1000)
}
