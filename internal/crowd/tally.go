package crowd

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
)

// The thresholds for the log messages about failing calls. Single failures,
// including injected ones, are only counted. While the database is down, most calls
// still succeed for a minute, because the server lists concerts from its cache.
const (
	// memory is about how many recent calls the share of failures covers.
	memory = 50
	// Calls are failing from the share tooMany on, until the share falls below few.
	tooMany = 0.3
	few     = 0.05
)

// Counts are the outcomes of the users' calls since the crowd was created.
type Counts struct {
	// Calls is the number of all calls, and Failed of those without a response,
	// with an error, or with a rejected token.
	Calls  int64 `json:"calls"`
	Failed int64 `json:"failed"`
	// Purchases and Tickets were sold. SoldOut and Denied are rejected purchases.
	Purchases int64 `json:"purchases"`
	Tickets   int64 `json:"tickets"`
	SoldOut   int64 `json:"sold_out"`
	Denied    int64 `json:"denied"`

	ItemsCreated int64 `json:"items_created"`
	ItemsDeleted int64 `json:"items_deleted"`
}

// tally counts the outcomes of calls, and logs when they start to fail.
type tally struct {
	log *slog.Logger

	calls, failed, purchases, tickets, soldOut, denied, itemsCreated, itemsDeleted atomic.Int64

	mu sync.Mutex
	// share is the share of recent calls that failed, and failing is the state that
	// was last logged.
	share   float64
	failing bool
}

func newTally(log *slog.Logger) *tally { return &tally{log: log} }

// count counts a call. If the end of the context cancelled the call, it counts
// nothing and returns false.
func (t *tally) count(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	t.calls.Add(1)
	if err != nil {
		t.failed.Add(1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.share -= t.share / memory
	if err != nil {
		t.share += 1.0 / memory
	}
	switch {
	case !t.failing && t.share > tooMany:
		t.failing = true
		t.log.Warn("many calls of demo users fail", "error", err)
	case t.failing && t.share < few:
		t.failing = false
		t.log.Info("calls of demo users succeed again")
	}
	return true
}

// read returns the counts and whether many calls fail.
func (t *tally) read() (Counts, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Counts{
		Calls: t.calls.Load(), Failed: t.failed.Load(),
		Purchases: t.purchases.Load(), Tickets: t.tickets.Load(), SoldOut: t.soldOut.Load(), Denied: t.denied.Load(),
		ItemsCreated: t.itemsCreated.Load(), ItemsDeleted: t.itemsDeleted.Load(),
	}, t.failing
}
