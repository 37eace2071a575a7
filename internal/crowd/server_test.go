package crowd_test

import (
	"context"
	"testing"
	"time"

	"onsale/internal/app/apptest"
	"onsale/internal/client"
	"onsale/internal/crowd"
	"onsale/internal/fault"
	"onsale/internal/sale"
)

// until waits until a condition is true.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestRealServer checks that the users buy and create items, recover after database
// failures, and continue after a restart.
func TestRealServer(t *testing.T) {
	t.Parallel()
	api := apptest.Admin(t, apptest.Serve(t, fault.Off()))
	options := settings(200, crowd.Tickets)
	options.Client, options.Seed = api, 1

	c, stop := run(t, options)
	defer stop()
	until(t, "the users buy and create items", func() bool {
		n := c.State().Counts
		return n.Purchases > 10 && n.ItemsCreated > 3 && n.ItemsDeleted > 1
	})
	if s := c.State(); s.Failing || s.Counts.Failed+s.Counts.SoldOut+s.Counts.Denied > 0 || s.Running != 200 {
		t.Errorf("%+v", s)
	}
	first := openings(t, api)
	if len(first) != 3 || len(c.State().Concerts) != 3 {
		t.Errorf("concerts %+v, state %+v", first, c.State())
	}

	away := fault.Off()
	away.Database.Error = 1
	setFaults(t, api, away)
	until(t, "calls fail", func() bool { return c.State().Failing })
	setFaults(t, api, fault.Off())
	until(t, "calls succeed again", func() bool { return !c.State().Failing })
	sold := c.State().Counts.Tickets
	until(t, "the users buy again", func() bool { return c.State().Counts.Tickets > sold })
	stop()
	// A deletion that was cancelled at the end is not counted, even if it
	// succeeded.
	if s := c.State(); s.Counts.ItemsCreated-s.Counts.ItemsDeleted > 5 {
		t.Errorf("items are left behind: %+v", s.Counts)
	}

	again, stopAgain := run(t, options)
	until(t, "the second crowd buys", func() bool { return again.State().Counts.Purchases > 3 })
	stopAgain()
	if second := openings(t, api); len(second) != len(first) {
		t.Errorf("the second start opened concerts: %+v", second)
	}
	books, err := api.Books(t.Context())
	if err != nil || books.Difference() != 0 {
		t.Errorf("books %+v, %v", books, err)
	}
}

func openings(t *testing.T, api *client.Client) (all []sale.Concert) {
	t.Helper()
	for c, err := range api.Concerts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func setFaults(t *testing.T, api *client.Client, plan fault.Plan) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := api.SetFaults(ctx, plan); err != nil {
		t.Fatal(err)
	}
}
