package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/sale"
)

// auditLimit bounds one comparison of the books.
const auditLimit = time.Minute

// audit compares the books from time to time and shows the result.
type audit struct {
	auditor  sale.Auditor
	interval time.Duration
	log      *slog.Logger

	difference prometheus.Gauge
	checkedAt  prometheus.Gauge
}

func newAudit(auditor sale.Auditor, interval time.Duration, reg prometheus.Registerer, log *slog.Logger) *audit {
	a := &audit{
		auditor: auditor, interval: interval, log: log.With("component", "audit"),
		difference: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "onsale_books_difference_tickets",
			Help: "Tickets by which counters and purchases disagreed when the books were last compared; 0 is right.",
		}),
		checkedAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "onsale_books_checked_timestamp_seconds",
			Help: "When the books were last compared, by whichever replica; 0 for never.",
		}),
	}
	reg.MustRegister(a.difference, a.checkedAt)
	return a
}

// A comparison reads every purchase. Where there are many, and the interval is
// short, it is made less often, so that it takes one part in auditShare of the
// time, but at least every maxAuditPause.
const (
	auditShare    = 50
	maxAuditPause = time.Minute
)

// run audits now and at every interval, or less often, until the context ends.
func (a *audit) run(ctx context.Context) error {
	for {
		began := time.Now()
		a.once(ctx)
		stretched := min(auditShare*time.Since(began), maxAuditPause)
		select {
		case <-time.After(max(a.interval, stretched)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// once audits. What another replica found within the interval stands; asking
// at three quarters of it keeps two replicas' timers from missing each other.
func (a *audit) once(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, auditLimit)
	defer cancel()
	difference, checkedAt, err := a.auditor.AuditBooks(ctx, a.interval*3/4)
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
