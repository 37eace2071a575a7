package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/item"
	"onsale/internal/sale"
)

// Store is an engine whose calls are measured.
type Store struct {
	Engine
	metrics *metrics
}

// metrics measures the database as the server sees it, which includes simulated
// delays.
type metrics struct {
	duration *prometheus.HistogramVec
	errors   *prometheus.CounterVec
}

// Values of the label operation, and of the label kind.
const (
	opCreate       = "create_concert"
	opConcert      = "read_concert"
	opConcerts     = "list_concerts"
	opSell         = "sell"
	opPurchase     = "read_purchase"
	opPurchaseKey  = "read_purchase_by_key"
	opPurchases    = "list_purchases"
	opRefund       = "refund"
	opBooks        = "read_books"
	opAudit        = "audit_books"
	opCreateItem   = "create_item"
	opDeleteItem   = "delete_item"
	kindConflict   = "conflict"
	kindAway       = "unavailable"
	kindRefused    = "refused"
	kindUnknown    = "unknown"
	kindUnexpected = "unexpected"
)

func instrument(engine Engine, reg prometheus.Registerer) *Store {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                            "onsale_database_duration_seconds",
			Help:                            "Duration of database calls, including simulated delays.",
			Buckets:                         prometheus.ExponentialBuckets(0.0005, 2, 15),
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"operation"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "onsale_database_errors_total",
			Help: "Failed database calls, by kind of failure.",
		}, []string{"kind"}),
	}
	for _, op := range []string{
		opCreate, opConcert, opConcerts, opSell, opPurchase, opPurchaseKey, opPurchases, opRefund, opBooks, opAudit,
		opCreateItem, opDeleteItem,
	} {
		m.duration.WithLabelValues(op)
	}
	for _, kind := range []string{kindConflict, kindAway, kindRefused, kindUnknown, kindUnexpected} {
		m.errors.WithLabelValues(kind)
	}
	reg.MustRegister(m.duration, m.errors)
	registerConnections(reg, engine)
	return &Store{Engine: engine, metrics: m}
}

func registerConnections(reg prometheus.Registerer, engine Engine) {
	for state, read := range map[string]func(sale.PoolStats) int{
		"in_use": func(s sale.PoolStats) int { return s.InUse },
		"idle":   func(s sale.PoolStats) int { return s.Idle },
		"max":    func(s sale.PoolStats) int { return s.Max },
	} {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "onsale_database_connections",
			Help:        "Database connections by state; max is the limit.",
			ConstLabels: prometheus.Labels{"state": state},
		}, func() float64 { return float64(read(engine.Stats())) }))
	}
}

// measure runs a call and records its duration and, if it failed, the kind of failure.
func measure[T any](s *Store, op string, call func() (T, error)) (T, error) {
	start := time.Now()
	result, err := call()
	s.metrics.duration.WithLabelValues(op).Observe(time.Since(start).Seconds())
	if kind := kindOf(err); kind != "" {
		s.metrics.errors.WithLabelValues(kind).Inc()
	}
	return result, err
}

// kindOf returns the label of a failure. It returns "" for success, for an unknown
// id, and for a call that the caller cancelled.
func kindOf(err error) string {
	switch {
	case err == nil, errors.Is(err, sale.ErrNotFound), errors.Is(err, item.ErrNotFound):
		return ""
	case errors.Is(err, sale.ErrOutcomeUnknown):
		return kindUnknown
	case errors.Is(err, sale.ErrConflict):
		return kindConflict
	case errors.Is(err, sale.ErrUnavailable):
		return kindAway
	case errors.Is(err, sale.ErrRefused):
		return kindRefused
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ""
	}
	return kindUnexpected
}

// CreateConcert implements [sale.Ledger].
func (s *Store) CreateConcert(ctx context.Context, c sale.NewConcert) (sale.Concert, error) {
	return measure(s, opCreate, func() (sale.Concert, error) { return s.Engine.CreateConcert(ctx, c) })
}

// Concert implements [sale.Ledger].
func (s *Store) Concert(ctx context.Context, id int64) (sale.Concert, error) {
	return measure(s, opConcert, func() (sale.Concert, error) { return s.Engine.Concert(ctx, id) })
}

// Concerts implements [sale.Ledger].
func (s *Store) Concerts(ctx context.Context) ([]sale.Concert, error) {
	return measure(s, opConcerts, func() ([]sale.Concert, error) { return s.Engine.Concerts(ctx) })
}

// Sell implements [sale.Ledger].
func (s *Store) Sell(ctx context.Context, b sale.Batch) ([]sale.Outcome, error) {
	return measure(s, opSell, func() ([]sale.Outcome, error) { return s.Engine.Sell(ctx, b) })
}

// Purchase implements [sale.Ledger].
func (s *Store) Purchase(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	return measure(s, opPurchase, func() (sale.Purchase, error) { return s.Engine.Purchase(ctx, id) })
}

// PurchaseByKey implements [sale.Ledger].
func (s *Store) PurchaseByKey(ctx context.Context, key string) (sale.Purchase, error) {
	return measure(s, opPurchaseKey, func() (sale.Purchase, error) { return s.Engine.PurchaseByKey(ctx, key) })
}

// Purchases implements [sale.Ledger].
func (s *Store) Purchases(ctx context.Context, concertID int64, after uuid.UUID, limit int) ([]sale.Purchase, error) {
	return measure(s, opPurchases, func() ([]sale.Purchase, error) {
		return s.Engine.Purchases(ctx, concertID, after, limit)
	})
}

// Refund implements [sale.Ledger].
func (s *Store) Refund(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	return measure(s, opRefund, func() (sale.Purchase, error) { return s.Engine.Refund(ctx, id) })
}

// Books implements [sale.Ledger].
func (s *Store) Books(ctx context.Context) (sale.Books, error) {
	return measure(s, opBooks, func() (sale.Books, error) { return s.Engine.Books(ctx) })
}

// audit is what [sale.Auditor] returns, as one value for measure.
type audit struct {
	difference int64
	checkedAt  time.Time
}

// AuditBooks implements [sale.Auditor].
func (s *Store) AuditBooks(ctx context.Context, maxAge time.Duration) (int64, time.Time, error) {
	a, err := measure(s, opAudit, func() (a audit, err error) {
		a.difference, a.checkedAt, err = s.Engine.AuditBooks(ctx, maxAge)
		return a, err
	})
	return a.difference, a.checkedAt, err
}

// CreateItem implements [item.Store].
func (s *Store) CreateItem(ctx context.Context, i item.Item) error {
	_, err := measure(s, opCreateItem, func() (struct{}, error) { return struct{}{}, s.Engine.CreateItem(ctx, i) })
	return err
}

// DeleteItem implements [item.Store].
func (s *Store) DeleteItem(ctx context.Context, id, user string) error {
	_, err := measure(s, opDeleteItem, func() (struct{}, error) { return struct{}{}, s.Engine.DeleteItem(ctx, id, user) })
	return err
}
