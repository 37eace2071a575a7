package crowd_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/client"
	"onsale/internal/crowd"
	"onsale/internal/sale"
)

// contextOf returns a context that outlives what the test still checks.
func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(context.WithoutCancel(t.Context()))
}

func settings(users int, scenario string) crowd.Options {
	return crowd.Options{Settings: crowd.Settings{Users: users, Scenario: scenario}}
}

// near reports whether a figure is within a share of what it should be.
func near(got, want, share float64) bool { return math.Abs(got-want) <= share*want }

func TestAUserDoesWhatTheContractSays(t *testing.T) {
	t.Parallel()
	for scenario, route := range map[string]string{
		crowd.Tickets: "POST /buy/{id}", crowd.TicketsRandomDeny: "POST /buy_random_deny/{id}",
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice()
			o.hook = payment
			c, stop := start(t, o, settings(1, scenario))
			time.Sleep(4 * time.Hour)
			stop()

			// The keeper looks every 10 s, and its calls take no time.
			looks, buys := float64(len(o.of("GET /concerts")))-4*3600/10, o.of(route)
			if !near(looks/float64(len(buys)), 3, 0.1) {
				t.Errorf("%s: %g looks to %d purchases", scenario, looks, len(buys))
			}
			// A round is a pause of 2 s, and one in four takes 2.5 s more.
			if want := 4 * 3600 / (2 + 2.5/4); !near(float64(len(buys)), want/4, 0.1) {
				t.Errorf("%s: %d purchases, want some %.0f", scenario, len(buys), want/4)
			}
			state, quantities, tickets := c.State(), map[int]int{}, 0
			for _, b := range buys {
				var n int
				if _, err := fmt.Sscanf(b.email, "testuser_%d@example.com", &n); err != nil || n < 1 || n > 10_000 || b.status != 200 {
					t.Fatalf("%+v", b)
				}
				quantities[b.quantity]++
				tickets += b.quantity
			}
			for q := range 5 {
				if !near(float64(quantities[q+1]), float64(len(buys))/5, 0.2) {
					t.Errorf("%s: quantities %v", scenario, quantities)
				}
			}
			want := crowd.Counts{Calls: state.Counts.Calls, Purchases: int64(len(buys)), Tickets: int64(tickets)}
			if state.Counts != want || !near(float64(want.Calls), looks+float64(len(buys)), 0.001) {
				t.Errorf("%s: counts %+v, want %+v", scenario, state.Counts, want)
			}
			for _, v := range o.seen {
				if strings.HasPrefix(v.what, "POST /buy") && v.what != route || strings.Contains(v.what, "/api/") {
					t.Fatalf("%s: %s", scenario, v.what)
				}
			}
		})
	}
}

func TestPausesAreOneToThreeSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		_, stop := start(t, o, settings(1, crowd.Items)) // the only kind of call that the keeper does not make
		time.Sleep(time.Hour)
		stop()
		var sum, least, most float64
		n := 0
		var last time.Time
		for _, v := range o.seen {
			if !strings.Contains(v.what, "/api/") {
				continue
			}
			if pause := v.began.Sub(last).Seconds(); !last.IsZero() && v.began.Before(o.seen[0].began.Add(time.Hour)) {
				if n++; n == 1 {
					least, most = pause, pause
				}
				sum, least, most = sum+pause, min(least, pause), max(most, pause)
			}
			last = v.ended
		}
		if mean := sum / float64(n); least < 1 || least > 1.05 || most > 3 || most < 2.95 || !near(mean, 2, 0.03) {
			t.Errorf("%d pauses of %g to %g s, %g in the mean", n, least, most, mean)
		}
	})
}

// TestDefaultCrowdIsSeenByTheAlerts: no alert judges a share below 0.2 calls a
// second of its kind.
func TestDefaultCrowdIsSeenByTheAlerts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		o.hook = payment
		options := crowd.Options{Settings: crowd.DefaultSettings()}
		_, stop := start(t, o, options)
		time.Sleep(10 * time.Minute)
		stop()
		for what, least := range map[string]float64{"POST /buy/{id}": 1, "POST /api/items": 0.8, "GET /concerts": 3} {
			if rate := float64(len(o.of(what))) / 600; rate < least {
				t.Errorf("%s: %g a second, want %g", what, rate, least)
			}
		}
		if n := len(o.of("POST /buy_random_deny/{id}")); n > 0 {
			t.Errorf("%d purchases that may be denied, and nobody asked for them", n)
		}
		if len(o.items) > 0 {
			t.Errorf("%d items are left behind", len(o.items))
		}
		for _, v := range o.seen {
			if v.status/100 != 2 {
				t.Fatalf("%+v", v)
			}
		}
	})
}

func TestUsersComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		o.hook = payment
		c, stop := start(t, o, settings(10, crowd.Tickets))
		defer stop()
		for _, want := range []crowd.Settings{
			{Users: 40, Scenario: crowd.Tickets},
			{Users: 3, Scenario: crowd.Tickets},
			{Users: 20, Scenario: crowd.Items},
			{Users: 0, Scenario: crowd.Items},
			{Users: 500, Scenario: crowd.TicketsRandomDeny},
			{Users: 5, Scenario: crowd.Tickets},
		} {
			time.Sleep(time.Minute)
			if err := c.Set(want); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second) // a purchase under way is made
			if s := c.State(); s.Settings != want || s.Running != want.Users {
				t.Errorf("%+v, %d running, want %+v", s.Settings, s.Running, want)
			}
			before := o.calls()
			time.Sleep(time.Minute)
			switch calls := o.calls() - before; {
			case want.Users == 0 && calls > 0:
				t.Errorf("nobody is there, and makes %d calls", calls)
			case calls < 15*want.Users || calls > 40*want.Users+10:
				t.Errorf("%+v: %d calls in a minute", want, calls)
			}
		}
		if o.cut > 0 {
			t.Errorf("%d calls were cut off", o.cut)
		}
	})
}

func TestSettingsThatBreakARule(t *testing.T) {
	t.Parallel()
	api, err := client.New("http://onsale.test", client.Options{Transport: newOffice()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := crowd.New(crowd.Options{Client: api, Settings: crowd.DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	const users, scenario = "users must be between 0 and 500", "scenario must be one of tickets, tickets-random-deny, items"
	for _, bad := range []struct {
		settings crowd.Settings
		want     string
	}{
		{crowd.Settings{Users: 501, Scenario: crowd.Tickets}, users},
		{crowd.Settings{Users: -1, Scenario: crowd.Tickets}, users},
		{crowd.Settings{Users: 1, Scenario: "storm"}, scenario},
		{crowd.Settings{Users: 1}, scenario},
	} {
		err := c.Set(bad.settings)
		if answer, ok := errors.AsType[*sale.FieldError](err); !ok || answer.Error() != bad.want {
			t.Errorf("%+v: %v, want %s", bad.settings, err, bad.want)
		}
		if _, err := crowd.New(crowd.Options{Client: api, Settings: bad.settings}); err == nil {
			t.Errorf("a crowd begins with %+v", bad.settings)
		}
	}
	if s := c.State(); s.Settings != crowd.DefaultSettings() {
		t.Errorf("%+v", s.Settings)
	}
	if _, err := crowd.New(crowd.Options{Settings: crowd.DefaultSettings()}); err == nil {
		t.Error("a crowd without a client")
	}
}

// TestHangingCallsAreBounded: users who hang in a call and should leave are not
// joined by more and more others.
func TestHangingCallsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		o.hook = func(r *http.Request) (int, string) {
			<-r.Context().Done() // the client's own time-out is 30 s
			return 0, ""
		}
		const most = crowd.MaxUsers
		c, stop := start(t, o, settings(most, crowd.Tickets))
		for i := range 40 {
			time.Sleep(4 * time.Second)
			if err := c.Set(crowd.Settings{Users: most * (i % 2), Scenario: crowd.Tickets}); err != nil {
				t.Fatal(err)
			}
			if n := c.State().Running; n > most {
				t.Fatalf("%d users are there", n)
			}
		}
		time.Sleep(time.Minute)
		if n := c.State().Running; n != most {
			t.Errorf("%d users came back, want %d", n, most)
		}
		begin := time.Now()
		stop()
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("stopped after %s", took)
		}
	})
}

// TestHangingCallsAreBoundedOverScenarios: nor are they by those who play another
// scenario.
func TestHangingCallsAreBoundedOverScenarios(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		o.hook = func(r *http.Request) (int, string) {
			<-r.Context().Done()
			return 0, ""
		}
		const most = crowd.MaxUsers
		c, stop := start(t, o, settings(most, crowd.Tickets))
		defer stop()
		for i := range 20 {
			time.Sleep(4 * time.Second)
			if err := c.Set(crowd.Settings{Users: most, Scenario: crowd.Scenarios()[i%3]}); err != nil {
				t.Fatal(err)
			}
			if n := c.State().Running; n > most {
				t.Fatalf("%d users are there", n)
			}
		}
		time.Sleep(time.Minute)
		if n := c.State().Running; n != most {
			t.Errorf("%d users came back, want %d", n, most)
		}
	})
}

// TestUsersDoNotAllKnockAtOnce: the first pauses of users who come together are
// from 0 to 3 s.
func TestUsersDoNotAllKnockAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		_, stop := start(t, o, settings(300, crowd.Items))
		time.Sleep(10 * time.Second)
		stop()
		came := map[int]int{}
		for _, v := range o.of("POST /api/token") {
			came[int(v.began.Sub(o.seen[0].began)/time.Second)]++
		}
		if came[0]+came[1]+came[2] != 300 || came[0] < 70 || came[1] < 70 || came[2] < 70 {
			t.Errorf("users came in the seconds %v", came)
		}
	})
}

func TestServerIsAwayForHours(t *testing.T) {
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
		// Who fails waits as long as who succeeds: 2 s in the mean.
		if rate := float64(o.calls()-before) / (5 * 3600); rate > 10/2+0.5 {
			t.Errorf("%g calls a second while the database is away", rate)
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
			"INFO concert opened", "INFO concert opened", "INFO concert opened",
			"INFO demo concerts are looked after again", "INFO the crowd's calls succeed again",
			"WARN demo concerts cannot be looked after", "WARN many of the crowd's calls fail",
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
		if c.State().Failing || len(written.text) != 3 { // the concerts that were opened
			t.Errorf("single failures are told: %q", written.text)
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
		// Who has no item to delete when it leaves needs no last one.
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
