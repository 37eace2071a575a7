package scenario_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/scenario"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// TestOutcomesOfPurchases covers the answers of Onsale and of the earlier service,
// and answers that neither should send.
func TestOutcomesOfPurchases(t *testing.T) {
	t.Parallel()
	const receiptOf, unsure, sold = "receipt", "unsure", "sold"
	for name, c := range map[string]struct {
		status int
		body   string
		want   stats.Outcome
		result string
	}{
		"sold":                  {200, receiptOf, stats.Outcome{}, sold},
		"sold, with spaces":     {200, "{ \"concert_id\" : 1,\n\"quantity\" : 0, \"status\" : \"success\" }", check("the answer is not a receipt of the order"), unsure},
		"denied":                {409, `{"code":"denied","message":"x"}`, business("denied"), "denied"},
		"denied, earlier":       {409, `{"message":"Tickets currently unavailable"}`, business("denied"), "denied"},
		"sold out":              {409, `{"code":"sold_out","available":0}`, business("sold_out"), "sold_out"},
		"sold out, earlier":     {404, `{"message": "Concert sold out"}`, business("sold_out"), "sold_out"},
		"sold out, no code":     {409, `{"message":"Concert sold out"}`, business("sold_out"), "sold_out"},
		"not found":             {404, `{"code":"not_found","message":"Concert not found"}`, status("404 not_found"), ""},
		"other code":            {409, `{"code":"key_reused","message":"Concert sold out"}`, status("409 key_reused"), ""},
		"conflict of something": {409, `<html>`, status("409"), ""},
		"code made up":          {418, `{"code":"made_up_4711"}`, status("418"), ""},
		"invalid":               {422, `{"code":"invalid"}`, status("422 invalid"), ""},
		"busy":                  {503, `{"code":"busy"}`, status("503 busy"), ""},
		"injected":              {500, `{"code":"injected"}`, status("500 injected"), ""},
		"unknown":               {503, `{"code":"outcome_unknown"}`, status("503 outcome_unknown"), unsure},
		"gateway":               {502, `<html>Bad Gateway</html>`, status("502"), unsure},
		"no answer":             {lost, ``, stats.Outcome{Class: stats.Failed, Kind: "closed", Detail: "no answer"}, unsure},
		"no receipt":            {200, `<html>Welcome</html>`, check("the answer is not a receipt of the order"), unsure},
		"receipt of another":    {200, `{"concert_id":2,"quantity":1,"status":"success"}`, check("the answer is not a receipt of the order"), unsure},
		"cut":                   {200, `{"concert_id":1,"quantity":1,"status":"success"`, check("the answer is not a receipt of the order"), unsure},
		"other status":          {200, `{"status":"failed"}`, check("the answer is not a receipt of the order"), unsure},
		"created":               {201, receiptOf, status("201"), unsure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := office(1)
				sell := f.answer
				f.answer = func(r request) (int, string) {
					switch {
					case r.method == "GET":
						return sell(r)
					case c.body == receiptOf:
						return c.status, receipt(r)
					}
					return c.status, c.body
				}
				in := instance(t, "tickets")
				s := run(t, in, f.connect, 5, time.Minute)
				n := int64(f.count("POST"))
				checkOutcome(t, s, n, c.want)
				counts := in.Tally.Counts()
				tickets := counts.Tickets + counts.UnsureTickets
				got := map[string]int64{
					sold: counts.Purchases, "denied": counts.Denied, "sold_out": counts.SoldOut, unsure: counts.Unsure,
				}
				for result, count := range got {
					if want := map[bool]int64{true: n}[result == c.result]; count != want {
						t.Errorf("%d purchases are %s, want %d of %d", count, result, want, n)
					}
				}
				if asked := c.result == sold || c.result == unsure; asked != (tickets > n) {
					t.Errorf("tally %+v", counts)
				}
			})
		})
	}
}

// cut is a connection on which no purchase gets an answer.
type cut struct {
	wire.Doer
	kind wire.Kind
}

func (c cut) Do(ctx context.Context, r *wire.Request) (*wire.Response, error) {
	if r.Method == http.MethodPost {
		return nil, &wire.Error{Kind: c.kind, Err: errors.New("why")}
	}
	return c.Doer.Do(ctx, r)
}

// TestPurchasesThatWereNotSentAreNotUnsure: without a connection nothing is sold. A request that was sent can have
// been sold even if its answer was lost.
func TestPurchasesThatWereNotSentAreNotUnsure(t *testing.T) {
	t.Parallel()
	for kind, unsure := range map[wire.Kind]bool{
		wire.Refused: false, wire.Resolve: false, wire.Unreachable: false, wire.ConnectTimeout: false, wire.Handshake: false,
		wire.Tester: false, wire.Invalid: false,
		wire.Timeout: true, wire.Reset: true, wire.Closed: true, wire.Malformed: true, wire.Redirect: true, wire.Canceled: true,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, in := office(1), instance(t, "tickets")
				s := run(t, in, func() wire.Doer { return cut{f.connect(), kind} }, 5, time.Minute)
				counts := in.Tally.Counts()
				if counts.Purchases != 0 || unsure != (counts.Unsure > 0) || unsure != (counts.UnsureTickets > 0) {
					t.Errorf("%+v, failures %+v", counts, s.Failures)
				}
			})
		})
	}
}

// TestAPurchaseAfterTheEndIsNotSent, so that it is not unsure.
func TestAPurchaseAfterTheEndIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, in := office(1), instance(t, "tickets")
		join := in.Scenario.Kinds[0].Join
		in.Scenario.Kinds[0].Join = func(u *stress.User) stress.Part {
			tasks := join(u).Tasks
			return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) {
				tasks[0].Do(ctx)
				over, cancel := context.WithCancel(ctx)
				cancel()
				tasks[1].Do(over)
			}}}}
		}
		s := run(t, in, f.connect, 1, time.Minute)
		if counts := in.Tally.Counts(); counts != (scenario.Counts{}) || s.Total.Failures != 0 || f.count("GET") < 10 || f.count("POST") != 0 {
			t.Errorf("%+v, %+v", counts, s.Total)
		}
	})
}

func business(kind string) stats.Outcome { return stats.Outcome{Class: stats.Business, Kind: kind} }

func check(detail string) stats.Outcome {
	return stats.Outcome{Class: stats.Failed, Kind: stats.KindCheck, Detail: detail}
}

func status(text string) stats.Outcome {
	return stats.Outcome{Class: stats.Failed, Kind: stats.KindStatus, Detail: "status " + text}
}

// checkOutcome fails unless all n requests had the outcome want.
func checkOutcome(t *testing.T, s stats.Snapshot, n int64, want stats.Outcome) {
	t.Helper()
	if n < 10 {
		t.Fatalf("only %d requests", n)
	}
	switch want.Class {
	case stats.OK:
		if s.Total.Failures != 0 || len(s.Total.Business) != 0 {
			t.Errorf("total %+v, failures %+v", s.Total, s.Failures)
		}
	case stats.Business:
		if s.Total.Failures != 0 || s.Total.Business[want.Kind] != n || len(s.Total.Business) != 1 {
			t.Errorf("total %+v, failures %+v", s.Total, s.Failures)
		}
	case stats.Failed:
		if len(s.Failures) != 1 || s.Failures[0].Count != n || s.Failures[0].Kind != want.Kind || s.Failures[0].Detail != want.Detail {
			t.Errorf("failures %+v, want %d of %+v", s.Failures, n, want)
		}
	}
}

// TestInvalidLists: the answers to GET /concerts are checked.
func TestInvalidLists(t *testing.T) {
	t.Parallel()
	const noList = "the answer is not a JSON array of concerts with ids"
	for name, c := range map[string]struct {
		status int
		body   string
		want   stats.Outcome
	}{
		"empty list":      {200, ` [ ] `, stats.Outcome{}},
		"earlier service": {200, `[{"id": 1}, {"id": 2}]`, stats.Outcome{}},
		"object":          {200, `{"concerts":[]}`, check(noList)},
		"page":            {200, `<html>`, check(noList)},
		"nothing":         {200, ``, check(noList)},
		"no id":           {200, `[{"title":"x"}]`, check(noList)},
		"id of text":      {200, `[{"id":"1"}]`, check(noList)},
		"numbers":         {200, `[1,2]`, check(noList)},
		"cut":             {200, `[{"id":1},{"id":2`, check(noList)},
		"more":            {200, `[{"id":1}] x`, check(noList)},
		"away":            {503, `{"code":"unavailable"}`, status("503 unavailable")},
		"not modified":    {304, ``, status("304")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &target{answer: func(r request) (int, string) {
					if r.method == "GET" {
						return c.status, c.body
					}
					return 200, receipt(r)
				}}
				s := run(t, instance(t, "tickets"), f.connect, 5, time.Minute)
				checkOutcome(t, s, int64(f.count("GET")), c.want)
				if c.want.Class != stats.OK && f.count("POST") != 0 {
					t.Error("a user bought a concert that was in no list")
				}
			})
		})
	}
}

// TestAListIsRememberedUntilItChanges: a failed request does not discard it.
func TestAListIsRememberedUntilItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		list, code, began := `[{"id":1}]`, 200, time.Now()
		f := &target{}
		f.answer = func(r request) (int, string) {
			switch minute := r.at.Sub(began) / time.Minute; {
			case r.method == "POST":
				return 200, receipt(r)
			case minute == 1:
				list = `[{"id":2},{"id":3}]`
			case minute == 2:
				code = 500
			}
			return code, list
		}
		run(t, instance(t, "tickets"), f.connect, 1, 3*time.Minute)
		var bought [3][4]int // by minute and concert
		for _, r := range f.requests() {
			if r.method == "POST" {
				bought[r.at.Sub(began)/time.Minute][r.path[len("/buy/")]-'0']++
			}
		}
		if b := bought; b[0][1] == 0 || b[0][2]+b[0][3] != 0 || b[1][2]+b[1][3] == 0 || b[1][1] > 1 || b[2][2]+b[2][3] == 0 || b[2][1] != 0 {
			t.Errorf("bought by minute and concert: %v", bought)
		}
	})
}

func TestBuiltin(t *testing.T) {
	t.Parallel()
	names := ""
	for _, s := range scenario.Builtin() {
		in := s.New()
		if s.Summary == "" || in.Scenario.Name != s.Name || len(in.Scenario.Kinds) == 0 || in.Tally == nil {
			t.Errorf("%+v", s)
		}
		names += s.Name + " "
	}
	if names != "tickets tickets-random-deny items browse rush " {
		t.Errorf("names %q", names)
	}
	if _, ok := scenario.Find("ticket"); ok {
		t.Error("Find found a scenario that does not exist")
	}
}
