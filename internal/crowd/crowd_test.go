package crowd_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/client"
	"onsale/internal/crowd"
	"onsale/internal/field"
)

func TestUsersFollowTheContract(t *testing.T) {
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

			// The keeper lists concerts every 10 s, and its calls take no time.
			looks, buys := float64(len(o.of("GET /concerts")))-4*3600/10, o.of(route)
			if !near(looks/float64(len(buys)), 3, 0.1) {
				t.Errorf("%s: %g lists for %d purchases", scenario, looks, len(buys))
			}
			// A task takes a pause of 2 s on average, and one in four takes another 2.5 s.
			if want := 4 * 3600 / (2 + 2.5/4); !near(float64(len(buys)), want/4, 0.1) {
				t.Errorf("%s: %d purchases, want about %.0f", scenario, len(buys), want/4)
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
			t.Errorf("%d pauses of %g to %g s, mean %g", n, least, most, mean)
		}
	})
}

// TestDefaultUsersMakeEnoughCallsForAlerts checks the rates of calls. Alerts on
// shares need at least 0.2 calls per second of their kind.
func TestDefaultUsersMakeEnoughCallsForAlerts(t *testing.T) {
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
				t.Errorf("%s: %g per second, want %g", what, rate, least)
			}
		}
		if n := len(o.of("POST /buy_random_deny/{id}")); n > 0 {
			t.Errorf("%d purchases at /buy_random_deny in the default scenario", n)
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

func TestInvalidSettings(t *testing.T) {
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
		if answer, ok := errors.AsType[*field.Error](err); !ok || answer.Error() != bad.want {
			t.Errorf("%+v: %v, want %s", bad.settings, err, bad.want)
		}
		if _, err := crowd.New(crowd.Options{Client: api, Settings: bad.settings}); err == nil {
			t.Errorf("New accepts %+v", bad.settings)
		}
	}
	if s := c.State(); s.Settings != crowd.DefaultSettings() {
		t.Errorf("%+v", s.Settings)
	}
	if _, err := crowd.New(crowd.Options{Settings: crowd.DefaultSettings()}); err == nil {
		t.Error("New accepts options without a client")
	}
}
