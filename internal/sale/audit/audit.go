// Package audit compares the books of the sale periodically and exposes the result as
// metrics.
package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/sale"
)

// limit is the time limit of one comparison.
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

// Audit compares the books periodically.
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
			Help: "Difference between tickets sold and tickets on receipts at the last comparison, in tickets; 0 if the ledger balances.",
		}),
		checkedAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "onsale_books_checked_timestamp_seconds",
			Help: "Time of the last comparison by any replica; 0 if there was none.",
		}),
	}
	o.Registerer.MustRegister(a.difference, a.checkedAt)
	return a
}

// A comparison reads every purchase. If there are many and the interval is short, the
// comparisons are less frequent, so that they take at most 1/share of the time. The pause
// is never stretched beyond maxPause.
const (
	share    = 50
	maxPause = time.Minute
)

// Run compares the books now and then at every interval, or less often, until the context
// ends. It returns the context's cause.
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

// once compares the books, unless a replica did so within the last three quarters of the
// interval. With the full interval, a timer that fires slightly early would skip its
// comparison.
func (a *Audit) once(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	difference, checkedAt, err := a.options.Auditor.AuditBooks(ctx, a.options.Interval*3/4)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Warn("comparing the books failed", "error", err)
		}
		return
	}
	if difference != 0 {
		a.log.Error("ledger does not balance", "difference_tickets", difference)
	}
	a.difference.Set(float64(difference))
	a.checkedAt.Set(float64(checkedAt.UnixMilli()) / 1000)
}
