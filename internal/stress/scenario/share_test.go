package scenario_test

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// order is the body of a purchase.
type order struct {
	Email    string `json:"user_email"`
	Quantity int    `json:"quantity"`
}

// TestBuyersFollowTheContract: tasks 3:1, waits of 1 to 3 s, 1 to 5 tickets of a random
// concert, with 10,000 e-mail addresses.
func TestBuyersFollowTheContract(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"tickets": "/buy/", "tickets-random-deny": "/buy_random_deny/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const users, concerts = 100, 4
				f := office(concerts)
				in := instance(t, name)
				s := run(t, in, f.connect, users, 10*time.Minute)

				if len(s.Entries) != 2 || s.Total.Failures != 0 {
					t.Fatalf("entries %+v", s.Entries)
				}
				names := map[string]int64{}
				for _, e := range s.Entries {
					names[e.Method+" "+e.Name] = e.Requests
				}
				bought := names["POST "+path+"[id]"]
				// A user without a list makes one more list request than its tasks.
				if got := float64(bought) / float64(bought+names["GET /concerts"]-users/4); math.Abs(got-0.25) > 0.01 {
					t.Errorf("%v: %.4f of the tasks are purchases, want 0.25", names, got)
				}
				checkOrders(t, f.requests(), path, concerts)
				checkWaits(t, f.requests())
				if c := in.Tally.Counts(); c.Purchases != bought || c.Tickets <= c.Purchases || c.Unsure != 0 {
					t.Errorf("tally %+v of %d purchases", c, bought)
				}
			})
		})
	}
}

func checkOrders(t *testing.T, all []request, path string, concerts int) {
	t.Helper()
	quantities, wanted, thousands := make([]int, 5), make([]int, concerts), make([]int, 10)
	for _, r := range all {
		if r.method == "GET" {
			continue
		}
		var o order
		if err := json.Unmarshal([]byte(r.body), &o); err != nil || r.header["Content-Type"] != "application/json" {
			t.Fatalf("%v in %+v", err, r)
		}
		person, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(o.Email, "testuser_"), "@example.com"))
		id, err2 := strconv.Atoi(strings.TrimPrefix(r.path, path))
		if err != nil || err2 != nil || person < 1 || person > 10_000 || o.Quantity < 1 || o.Quantity > 5 || id < 1 || id > concerts {
			t.Fatalf("order %+v at %s", o, r.path)
		}
		quantities[o.Quantity-1]++
		wanted[id-1]++
		thousands[(person-1)/1000]++
	}
	even(t, "quantities", quantities)
	even(t, "concerts", wanted)
	even(t, "people", thousands)
}

// even fails unless the counts are consistent with a uniform distribution: Pearson's
// chi-squared test. The random generators have a fixed seed, so that it fails always or never.
func even(t *testing.T, what string, counts []int) {
	t.Helper()
	total, chi2 := 0, 0.0
	for _, n := range counts {
		total += n
	}
	want := float64(total) / float64(len(counts))
	for _, n := range counts {
		chi2 += (float64(n) - want) * (float64(n) - want) / want
	}
	freedom := float64(len(counts) - 1)
	// Wilson and Hilferty's approximation of the quantile of 0.1 %.
	limit := freedom * math.Pow(1-2/(9*freedom)+3.09*math.Sqrt(2/(9*freedom)), 3)
	if chi2 > limit || total < 1000 {
		t.Errorf("%s %v are not even: chi-squared %.1f, limit %.1f", what, counts, chi2, limit)
	}
}

// checkWaits checks the times between two requests of a user. The fake target
// takes no time; a user that requests the list before its first purchase does both at once.
func checkWaits(t *testing.T, all []request) {
	t.Helper()
	last, waits := map[int]time.Time{}, make([]int, 10)
	for _, r := range all {
		before, ok := last[r.user]
		last[r.user] = r.at
		wait := r.at.Sub(before)
		if !ok || wait == 0 {
			continue
		}
		if wait < time.Second || wait > 3*time.Second {
			t.Fatalf("a wait of %s", wait)
		}
		waits[min(int((wait-time.Second)*10/(2*time.Second)), 9)]++
	}
	even(t, "waits", waits)
}

// TestWithoutConcertsNothingIsBought: buyers keep requesting the list.
func TestWithoutConcertsNothingIsBought(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := office(0)
		s := run(t, instance(t, "tickets"), f.connect, 10, time.Minute)
		if n := f.count("POST"); n != 0 || s.Total.Failures != 0 || f.count("GET /concerts") < 200 {
			t.Errorf("%d purchases, %+v", n, s.Total)
		}
	})
}
