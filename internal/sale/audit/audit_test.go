package audit_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"onsale/internal/sale/audit"
)

// auditor returns its results one after the other; each comparison takes the given time.
type auditor struct {
	takes   time.Duration
	results []result

	began time.Time
	at    []time.Duration // when each comparison began
	ages  []time.Duration
}

type result struct {
	difference int64
	err        error
}

// checked is the time of the comparison that the auditor returns.
var checked = time.UnixMilli(1_700_000_000_500)

func (a *auditor) AuditBooks(_ context.Context, maxAge time.Duration) (difference int64, checkedAt time.Time, err error) {
	a.at, a.ages = append(a.at, time.Since(a.began)), append(a.ages, maxAge)
	time.Sleep(a.takes)
	r := a.results[min(len(a.at), len(a.results))-1]
	return r.difference, checked, r.err
}

// run audits for the length of time and returns the registry of the metrics.
func run(t *testing.T, a *auditor, interval, length time.Duration) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewRegistry()
	a.began = time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	audits := audit.New(audit.Options{Auditor: a, Interval: interval, Logger: slog.New(slog.DiscardHandler), Registerer: reg})
	if err := audits.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run returned %v, want the context's error", err)
	}
	return reg
}

// TestAuditComparesAtEachInterval, and accepts results of other replicas that are younger
// than three quarters of the interval.
func TestAuditComparesAtEachInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &auditor{results: []result{{difference: 0}}}
		run(t, a, 4*time.Second, 9*time.Second)
		if want := []time.Duration{0, 4 * time.Second, 8 * time.Second}; !slices.Equal(a.at, want) {
			t.Errorf("compared at %v, want %v", a.at, want)
		}
		if a.ages[0] != 3*time.Second {
			t.Errorf("maxAge is %s, want 3s", a.ages[0])
		}
	})
}

// TestSlowComparisonsAreLessFrequent, with a pause of at most a minute.
func TestSlowComparisonsAreLessFrequent(t *testing.T) {
	t.Parallel()
	for takes, pause := range map[time.Duration]time.Duration{100 * time.Millisecond: 5 * time.Second, 30 * time.Second: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			a := &auditor{takes: takes, results: []result{{difference: 0}}}
			run(t, a, time.Second, 2*(takes+pause))
			if len(a.at) < 2 || a.at[1] != takes+pause {
				t.Errorf("comparisons of %s each start at %v, want the second at %s", takes, a.at, takes+pause)
			}
		})
	}
}

// TestAuditMetrics: a failed comparison does not change the metrics.
func TestAuditMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := run(t, &auditor{results: []result{{difference: 7}, {err: errors.New("no database")}}}, time.Second, 1500*time.Millisecond)
		err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP onsale_books_checked_timestamp_seconds Time of the last comparison by any replica; 0 if there was none.
# TYPE onsale_books_checked_timestamp_seconds gauge
onsale_books_checked_timestamp_seconds 1.7000000005e+09
# HELP onsale_books_difference_tickets Difference between tickets sold and tickets on receipts at the last comparison, in tickets; 0 if the ledger balances.
# TYPE onsale_books_difference_tickets gauge
onsale_books_difference_tickets 7
`))
		if err != nil {
			t.Error(err)
		}
	})
}
