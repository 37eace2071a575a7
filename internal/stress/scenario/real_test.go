package scenario_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"onsale/internal/app/apptest"
	"onsale/internal/client"
	"onsale/internal/fault"
	"onsale/internal/sale"
	"onsale/internal/stress"
	"onsale/internal/stress/scenario"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// serve starts the real server with a fault plan, and returns an admin client.
func serve(t *testing.T, plan fault.Plan) (url string, admin *client.Client) {
	t.Helper()
	url = apptest.Serve(t, plan)
	return url, apptest.Admin(t, url)
}

// optionsFor returns the options of a check with the admin token.
func optionsFor(t *testing.T, url string) scenario.Options {
	t.Helper()
	target, err := wire.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	return scenario.Options{
		Target: target, Token: apptest.AdminToken,
		Connect: func() wire.Doer { return wire.New(target, wire.Options{}) },
		Load:    stress.Load{Curve: stress.Curve{From: 100}}, RunTime: time.Minute,
	}
}

// concert creates a concert.
func concert(t *testing.T, admin *client.Client, tickets int64) int64 {
	t.Helper()
	c, err := admin.CreateConcert(t.Context(), sale.NewConcert{Title: "A \"B\" [", Date: "tonight", Venue: "Hall", Capacity: tickets})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

// hurried removes the waits of a scenario, to keep the test short.
func hurried(in *scenario.Instance) *stress.Scenario {
	s := *in.Scenario
	s.Kinds = append([]stress.Kind(nil), s.Kinds...)
	for i := range s.Kinds {
		s.Kinds[i].Wait = stress.Constant(5 * time.Millisecond)
	}
	return &s
}

// TestRealServer: in each scenario the confirmed tickets equal those in the books, and
// nothing fails.
func TestRealServer(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"tickets":             "GET /concerts, POST /buy/[id]",
		"tickets-random-deny": "GET /concerts, POST /buy_random_deny/[id]",
		"items":               "POST /api/token, POST /api/items, DELETE /api/items/[id]",
		"browse":              "GET /concerts, GET /concerts?after=[id]&limit=20, GET /concerts/[id]",
		"rush":                "GET /concerts, POST /buy/[id]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := fault.Off()
			plan.Routes = map[string]fault.RouteFaults{"/buy_random_deny/{concert_id}": {Deny: 0.5}}
			url, admin := serve(t, plan)
			for range 30 {
				concert(t, admin, 100)
			}
			in, o := instance(t, name), optionsFor(t, url)
			if _, err := in.Check(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			books, err := in.OpenBooks(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			s := runUntil(t, hurried(in), o.Connect, 20, func(s stats.Snapshot) bool {
				got, counts := counted(s), in.Tally.Counts()
				for call := range strings.SplitSeq(want, ", ") {
					if got[call] < 5 {
						return false
					}
				}
				return (name != "tickets-random-deny" || counts.Denied > 0) && (name != "rush" || counts.Tickets == 100 && counts.SoldOut > 0) &&
					(!in.Sells || counts.Tickets > 0)
			})
			audit, err := books.Close(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range s.Entries {
				if call := e.Method + " " + e.Name; !strings.Contains(want+",", call+",") || e.Requests < 5 {
					t.Errorf("%d requests of %s", e.Requests, call)
				}
			}
			if len(s.Entries) != strings.Count(want, ",")+1 || s.Total.Failures != 0 {
				t.Errorf("%d names, failures %+v", len(s.Entries), s.Failures)
			}
			counts := in.Tally.Counts()
			if !audit.Known || !audit.Agree || audit.Told != counts.Tickets || in.Sells != (counts.Tickets > 0) {
				t.Errorf("%+v of %+v", audit, counts)
			}
			if denies := name == "tickets-random-deny"; denies != (counts.Denied > 0) || s.Total.Business[scenario.Denied] != counts.Denied {
				t.Errorf("%+v, %v", counts, s.Total.Business)
			}
			if sellsOut := name == "rush"; sellsOut && (counts.Tickets != 100 || counts.SoldOut == 0) {
				t.Errorf("%+v", counts)
			}
		})
	}
}

// TestItemsAreDeletedAtTheEnd: also on the real server, and each user requests one token.
func TestItemsAreDeletedAtTheEnd(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, fault.Off())
	in, o := instance(t, "items"), optionsFor(t, url)
	requests := counted(runUntil(t, hurried(in), o.Connect, 10, func(s stats.Snapshot) bool {
		got := counted(s)
		return got["POST /api/token"] >= 10 && got["POST /api/items"] >= 30
	}))
	if requests["POST /api/items"] == 0 || requests["POST /api/items"] != requests["DELETE /api/items/[id]"] || requests["POST /api/token"] != 10 {
		t.Errorf("%v", requests)
	}
}

// TestBooksOfOthers: purchases of other clients, and tickets that a target loses, are found.
func TestBooksOfOthers(t *testing.T) {
	t.Parallel()
	url, admin := serve(t, fault.Off())
	id := concert(t, admin, 1_000_000)
	for name, token := range map[string]string{"books": apptest.AdminToken, "concerts": "", "wrong token": "nonsense"} {
		in, o := instance(t, "tickets"), optionsFor(t, url)
		o.Token = token
		books, err := in.OpenBooks(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := admin.Buy(t.Context(), client.BuyRequest{ConcertID: id, Email: "bob@example.com", Quantity: 7})
		if err != nil || outcome.Status != sale.Sold {
			t.Fatalf("%v, %v", outcome, err)
		}
		runUntil(t, hurried(in), o.Connect, 5, func(stats.Snapshot) bool { return in.Tally.Counts().Tickets >= 10 })
		audit, err := books.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !audit.Known || audit.Agree || audit.Missing != 0 || audit.Extra != 7 || audit.Booked != audit.Told+7 ||
			!strings.Contains(audit.Text, "other clients bought 7") {
			t.Errorf("%s: %+v", name, audit)
		}
		if _, err := admin.Refund(t.Context(), outcome.Purchase.ID); err != nil {
			t.Fatal(err)
		}
		if audit, err = books.Close(t.Context()); err != nil || !audit.Agree {
			t.Errorf("%s: after the other tickets were returned: %+v, %v", name, audit, err)
		}
	}
}

// TestPrepare creates the concerts that the load needs, and no more.
func TestPrepare(t *testing.T) {
	t.Parallel()
	url, admin := serve(t, fault.Off())
	o := optionsFor(t, url)
	check := func(name string) (scenario.Findings, error) { return instance(t, name).Check(t.Context(), o) }

	_, err := check("tickets")
	wantNotReady(t, err, "has no concert; add --prepare to create one, or: curl "+url+"/concerts/new", "Bearer $ONSALE_ADMIN_TOKEN")
	o.Prepare = true
	o.Token = ""
	_, err = check("tickets")
	wantNotReady(t, err, "needs the admin token", "ONSALE_ADMIN_TOKEN")
	o.Token = "nonsense"
	_, err = check("tickets")
	wantNotReady(t, err, "rejects this admin token")

	o.Token = apptest.AdminToken
	f := found(t)(check("tickets"))
	if len(f.Created) != 3 || f.Left != 30_000 || !f.Known || len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "10,000 tickets each") {
		t.Errorf("%+v", f)
	}
	if f = found(t)(check("tickets")); len(f.Created) != 0 || len(f.Notes) != 0 {
		t.Errorf("created again: %+v", f)
	}
	// 1,000,000 tasks per second for a minute request 45 million tickets.
	o.Load = stress.Load{Open: true, Curve: stress.Curve{From: 1_000_000}}
	if f = found(t)(check("tickets")); len(f.Created) != 3 || f.Left < 90_000_000 {
		t.Errorf("%+v", f)
	}
	o.Load = stress.Load{Curve: stress.Curve{From: 1, Stages: []stress.Stage{{Over: time.Second, To: 500}}}}
	f = found(t)(check("rush"))
	if len(f.Created) != 1 || f.Concert != f.Created[0] || !strings.Contains(strings.Join(f.Notes, "\n"), "5,000 tickets left") {
		t.Errorf("%+v", f)
	}
	if c, err := admin.Concert(t.Context(), f.Concert); err != nil || c.Capacity != 5000 {
		t.Errorf("%+v, %v", c, err)
	}
	o.Prepare = false
	if again := found(t)(check("rush")); len(again.Created) != 0 || again.Concert != f.Concert {
		t.Errorf("%+v", again)
	}
	if f = found(t)(check("browse")); len(f.Notes) != 0 {
		t.Errorf("%+v", f)
	}
}

// TestHowLongTicketsLast: the note has the demand of the load.
func TestHowLongTicketsLast(t *testing.T) {
	t.Parallel()
	url, admin := serve(t, fault.Off())
	concert(t, admin, 11_000)
	concert(t, admin, 1_000)
	flat := stress.Curve{From: 100}
	for name, c := range map[string]struct {
		load    stress.Load
		runTime time.Duration
		want    string
		lasts   time.Duration
	}{
		// A user buys 3 tickets every 4 tasks of 2.625 s.
		"closed":  {stress.Load{Curve: stress.Curve{From: 262.5}}, 10 * time.Minute, "12,000 tickets left; at about 75 tickets/s they last 2m40s, and the run takes 10m0s", 160 * time.Second},
		"open":    {stress.Load{Open: true, Curve: flat}, 10 * time.Minute, "12,000 tickets left; at about 75 tickets/s they last 2m40s, and the run takes 10m0s", 160 * time.Second},
		"a day":   {stress.Load{Open: true, Curve: flat}, 24 * time.Hour, "they last 2m40s, and the run takes 24h0m", 160 * time.Second},
		"days":    {stress.Load{Open: true, Curve: flat}, 24*time.Hour + time.Second, "and the run takes more than a day", 160 * time.Second},
		"endless": {stress.Load{Open: true, Curve: flat}, 0, "they last 2m40s, and the run has no time limit", 160 * time.Second},
		"ramp": {
			stress.Load{Open: true, Curve: stress.Curve{Stages: []stress.Stage{{Over: 10 * time.Minute, To: 200}}, Ends: true}},
			0,
			"at about 75 tickets/s they last 5m10s, and the run takes 10m0s", 310 * time.Second,
		},
		"enough": {stress.Load{Open: true, Curve: flat}, 10 * time.Second, "", 160 * time.Second},
		"uneven": {stress.Load{Open: true, Curve: flat}, time.Minute, "1 of 2 concerts are sold out, or will be before the run ends; buyers there get the answer sold_out", 160 * time.Second},
		"none":   {stress.Load{}, time.Minute, "", 0},
	} {
		o := optionsFor(t, url)
		o.Load, o.RunTime = c.load, c.runTime
		f := found(t)(instance(t, "tickets").Check(t.Context(), o))
		got := strings.Join(f.Notes, "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if (f.Lasts-c.lasts).Abs() > time.Second || f.Left != 12_000 {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func found(t *testing.T) func(scenario.Findings, error) scenario.Findings {
	t.Helper()
	return func(f scenario.Findings, err error) scenario.Findings {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
}

// wantNotReady fails unless the error is one line with all these texts.
func wantNotReady(t *testing.T, err error, says ...string) {
	t.Helper()
	if !errors.Is(err, scenario.ErrNotReady) {
		t.Errorf("error %v", err)
		return
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q does not contain %q", err, text)
		}
	}
}
