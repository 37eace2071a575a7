package crowd_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/crowd"
)

func TestServerFailsForHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		o := newOffice()
		o.hook = func(r *http.Request) (int, string) {
			if away.Load() {
				return 503, `{"code":"unavailable","message":"Database unavailable"}`
			}
			return payment(r)
		}
		log, written := logTo()
		options := settings(10, crowd.Tickets)
		options.Logger = log
		c, stop := start(t, o, options)
		defer stop()
		time.Sleep(time.Minute)
		if c.State().Failing || c.State().Counts.Failed > 0 {
			t.Fatalf("%+v", c.State())
		}
		away.Store(true)
		before := o.calls()
		time.Sleep(5 * time.Hour)
		// After a failed call, a user pauses as long as after a successful one: 2 s
		// on average.
		if rate := float64(o.calls()-before) / (5 * 3600); rate > 10/2+0.5 {
			t.Errorf("%g calls per second while the database is down", rate)
		}
		failed := c.State().Counts.Failed
		if !c.State().Failing || failed < 50_000 {
			t.Errorf("%+v", c.State())
		}
		away.Store(false)
		time.Sleep(time.Minute)
		sold := c.State().Counts.Tickets
		time.Sleep(time.Minute)
		if s := c.State(); s.Failing || s.Counts.Failed > failed+10 || s.Counts.Tickets <= sold || s.Running != 10 {
			t.Errorf("%+v", s)
		}
		stop()
		slices.Sort(written.text)
		want := []string{
			"INFO calls of demo users succeed again",
			"INFO concert opened", "INFO concert opened", "INFO concert opened",
			"INFO demo concerts are on sale again",
			"WARN cannot keep demo concerts on sale", "WARN many calls of demo users fail",
		}
		if !slices.Equal(written.text, want) {
			t.Errorf("log: %q", written.text)
		}
		if len(o.items) > 0 {
			t.Errorf("%d items are left behind", len(o.items))
		}
	})
}

func TestOutcomesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, written := logTo()
		n := 0
		o := newOffice()
		o.hook = func(r *http.Request) (int, string) {
			if !strings.HasPrefix(r.URL.Path, "/buy") {
				return 0, ""
			}
			switch n++; n % 4 {
			case 1:
				return 409, `{"code":"denied","message":"Tickets currently unavailable"}`
			case 2:
				return 409, `{"code":"sold_out","message":"Concert sold out"}`
			case 3:
				return 500, `{"code":"injected","message":"Injected fault"}`
			}
			return 404, `{"code":"not_found","message":"Concert not found"}`
		}
		options := settings(1, crowd.Tickets)
		options.Logger = log
		c, stop := start(t, o, options)
		time.Sleep(time.Hour)
		stop()
		got := c.State().Counts
		quarter := float64(n) / 4
		if !near(float64(got.Denied), quarter, 0.02) || !near(float64(got.SoldOut), quarter, 0.02) ||
			!near(float64(got.Failed), 2*quarter, 0.02) || got.Purchases+got.Tickets > 0 || n < 100 {
			t.Errorf("%d purchases: %+v", n, got)
		}
		if c.State().Failing || len(written.text) != 3 { // the new concerts
			t.Errorf("single failures are logged: %q", written.text)
		}
	})
}

func TestRefusedTokensAreRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		c, stop := start(t, o, settings(4, crowd.Items))
		for range 20 {
			time.Sleep(time.Minute)
			o.mu.Lock()
			clear(o.tokens)
			o.mu.Unlock()
		}
		stop() // right after all tokens were lost
		// A stopping user without items does not request another token.
		if n := len(o.of("POST /api/token")); n < 4*20+1 || n > 4*21 {
			t.Errorf("%d tokens for 4 users and 20 losses", n)
		}
		if len(o.items) > 0 {
			t.Errorf("%d items are left behind", len(o.items))
		}
		if got := c.State().Counts; got.ItemsCreated < 1000 || got.ItemsDeleted > got.ItemsCreated || got.ItemsCreated-got.ItemsDeleted > 20 {
			t.Errorf("%+v", got)
		}
		users := map[string]bool{}
		for _, v := range o.of("POST /api/items") {
			users[v.user] = true
		}
		if len(users) != 4 || !users["crowd-1"] {
			t.Errorf("users %v", users)
		}
	})
}
