package discord

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Observe registers the metrics of the queue.
func (b *Inbox) Observe(reg prometheus.Registerer) {
	f := promauto.With(reg)
	gauge := func(name, help string, value func() float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, b.locked(value))
	}
	counter := func(name, help string, value func() float64) {
		f.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, b.locked(value))
	}
	gauge("onsale_notifications_undelivered", "Notifications in the queue for Discord.", func() float64 {
		n := 0
		for range b.undelivered {
			n++
		}
		return float64(n)
	})
	gauge("onsale_notifications_oldest_undelivered_seconds", "Age of the oldest notification in the queue; 0 if the queue is empty.", func() float64 {
		for r := range b.undelivered {
			return max(0, time.Since(r.Time).Seconds())
		}
		return 0
	})
	counter("onsale_notifications_delivered_total", "Notifications that Discord has confirmed.", func() float64 { return float64(b.delivered) })
	counter("onsale_notifications_failed_total", "Notifications that Discord rejected, or that were given up undelivered.", func() float64 { return float64(b.failed) })
}

// locked returns a function that reads the inbox under its lock.
func (b *Inbox) locked(value func() float64) func() float64 {
	return func() float64 {
		b.mu.Lock()
		defer b.mu.Unlock()
		return value()
	}
}

// undelivered yields the records in the queue, the oldest first. The caller holds the
// lock.
func (b *Inbox) undelivered(yield func(*record) bool) {
	for _, r := range b.records {
		if r.Delivery.State == Delivering && !yield(r) {
			return
		}
	}
}
