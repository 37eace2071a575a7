package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/store"
)

func open(t *testing.T, reg prometheus.Registerer) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir(), Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestInvalidDatabaseURLs(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                          "set but empty",
		"sqlite:///tmp/secret.db":   "postgres://",
		"secret":                    "postgres://",
		"postgres:/host/secret":     "postgres://",
		"\r\n":                      "set but empty",
		"postgres://u:secret@h:p/d": "must look like",
	} {
		_, err := store.Open(t.Context(), store.Options{URL: url, URLSet: true, Registerer: prometheus.NewRegistry()})
		if err == nil || !strings.Contains(err.Error(), "DATABASE_URL") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with DATABASE_URL and %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error shows the secret: %v", url, err)
		}
	}
}

// TestCallsAreMeasured compares the metrics with what was called.
func TestCallsAreMeasured(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	s := open(t, reg)
	if _, err := s.Concert(t.Context(), 1); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("without a schema: %v", err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Concert(t.Context(), 1); !errors.Is(err, sale.ErrNotFound) {
		t.Errorf("unknown concert: %v", err)
	}
	concert, err := s.CreateConcert(t.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: 1})
	if err != nil {
		t.Fatal(err)
	}
	id, err := sale.NewID()
	if err != nil {
		t.Fatal(err)
	}
	poison := sale.Batch{Orders: []sale.Order{{ID: id, ConcertID: concert.ID, Email: "a@example.com", Quantity: 0}}}
	if _, err := s.Sell(t.Context(), poison); !errors.Is(err, sale.ErrRefused) {
		t.Errorf("poison order: %v", err)
	}
	if err := s.CreateItem(t.Context(), item.Item{ID: "an id", UserID: "ada"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{nil, item.ErrNotFound} { // an unknown item is not a failure of the database
		if err := s.DeleteItem(t.Context(), "an id", "ada"); !errors.Is(err, want) {
			t.Errorf("delete item: %v, want %v", err, want)
		}
	}
	calls, err := testutil.GatherAndCount(reg, "onsale_database_duration_seconds")
	if err != nil || calls != 12 {
		t.Errorf("%d operations are measured, %v", calls, err)
	}
	for op, want := range map[string]uint64{"create_item": 1, "delete_item": 2, "create_concert": 1, "refund": 0} {
		if got := measured(t, reg, op); got != want {
			t.Errorf("%s was measured %d times, want %d", op, got, want)
		}
	}
	err = testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP onsale_database_errors_total Failed database calls, by kind of failure.
# TYPE onsale_database_errors_total counter
onsale_database_errors_total{kind="conflict"} 0
onsale_database_errors_total{kind="refused"} 1
onsale_database_errors_total{kind="unavailable"} 1
onsale_database_errors_total{kind="unexpected"} 0
onsale_database_errors_total{kind="unknown"} 0
`), "onsale_database_errors_total")
	if err != nil {
		t.Error(err)
	}
}

// measured returns how many calls of an operation were timed.
func measured(t *testing.T, reg prometheus.Gatherer, operation string) uint64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "onsale_database_duration_seconds" && m.GetLabel()[0].GetValue() == operation {
				return m.GetHistogram().GetSampleCount()
			}
		}
	}
	t.Fatalf("operation %s is not measured", operation)
	return 0
}
