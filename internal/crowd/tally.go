package crowd

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
)

// When the crowd says that its calls fail, and that they succeed again. Single
// failures, injected ones among them, are only counted. While a database is
// away most calls succeed for a minute yet: the concerts are still shown.
const (
	// memory is over how many calls, about, the share of failures is taken.
	memory = 50
	// tooMany is the share that is told, and few that at which all is well.
	tooMany = 0.3
	few     = 0.05
)

// Counts are what came of the users' calls since the crowd began.
type Counts struct {
	// Calls are all, and Failed those that were not done: no answer, an error,
	// a token refused.
	Calls  int64 `json:"calls"`
	Failed int64 `json:"failed"`
	// Purchases and Tickets were sold; SoldOut and Denied are purchases that
	// were refused.
	Purchases int64 `json:"purchases"`
	Tickets   int64 `json:"tickets"`
	SoldOut   int64 `json:"sold_out"`
	Denied    int64 `json:"denied"`

	ItemsCreated int64 `json:"items_created"`
	ItemsDeleted int64 `json:"items_deleted"`
}

// tally counts what comes of calls, and says when they begin to fail.
type tally struct {
	log *slog.Logger

	calls, failed, purchases, tickets, soldOut, denied, itemsCreated, itemsDeleted atomic.Int64

	mu sync.Mutex
	// share is that of the calls that failed lately, and failing what was last
	// said of it.
	share   float64
	failing bool
}

func newTally(log *slog.Logger) *tally { return &tally{log: log} }

// count counts a call. It returns false, and counts nothing, if the call was
// cut off by the end of its context.
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
		t.log.Warn("many of the crowd's calls fail", "error", err)
	case t.failing && t.share < few:
		t.failing = false
		t.log.Info("the crowd's calls succeed again")
	}
	return true
}

// read returns the counts, and whether many calls fail.
func (t *tally) read() (Counts, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Counts{
		Calls: t.calls.Load(), Failed: t.failed.Load(),
		Purchases: t.purchases.Load(), Tickets: t.tickets.Load(), SoldOut: t.soldOut.Load(), Denied: t.denied.Load(),
		ItemsCreated: t.itemsCreated.Load(), ItemsDeleted: t.itemsDeleted.Load(),
	}, t.failing
}
