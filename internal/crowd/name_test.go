package crowd_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/crowd"
)

// collectors returns how many calls each user made who makes item calls, from a
// call on.
func (o *office) collectors(from int) map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	calls := map[string]int{}
	for _, v := range o.seen[from:] {
		if strings.Contains(v.what, "/api/") {
			calls[v.user]++
		}
	}
	return calls
}

// TestOneUserInFiveMakesItemCalls: the 2nd, the 7th, the 12th and so on, at every
// number of users, however many there were before.
func TestOneUserInFiveMakesItemCalls(t *testing.T) {
	t.Parallel()
	for scenario, route := range map[string]string{
		crowd.Tickets: "POST /buy/{id}", crowd.TicketsRandomDeny: "POST /buy_random_deny/{id}",
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice()
			c, stop := start(t, o, settings(0, scenario))
			defer stop()
			for _, users := range []int{2, 25, 1, 7, 3, 6, 11, 12, 500, 2, 0, 25} {
				if err := c.Set(crowd.Settings{Users: users, Scenario: scenario}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second) // who is to leave has left
				before, bought := o.calls(), len(o.of(route))
				time.Sleep(time.Minute)
				if n := len(o.collectors(before)); n != (users+3)/5 {
					t.Errorf("%s: %d of %d users make item calls, want %d", scenario, n, users, (users+3)/5)
				}
				if n := len(o.of(route)) - bought; (n > 0) != (users > 0) {
					t.Errorf("%s: %d users make %d purchases in a minute", scenario, users, n)
				}
			}
		})
	}
}

// TestNamesAreUsedAgain: each name is a label of metrics, and whoever is seen is an
// active user for a while.
func TestNamesAreUsedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		c, stop := start(t, o, settings(25, crowd.Tickets))
		for i := range 10 {
			time.Sleep(time.Minute)
			want := crowd.Settings{Users: 25 * (i % 2), Scenario: []string{crowd.Tickets, crowd.TicketsRandomDeny}[i/4%2]}
			if err := c.Set(want); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		stop()
		got := o.collectors(0)
		for n := 1; n <= 5; n++ {
			if got[fmt.Sprint("crowd-", n)] == 0 {
				t.Errorf("no call of crowd-%d", n)
			}
		}
		if len(got) != 5 {
			t.Errorf("5 users at a time have %d names: %v", len(got), got)
		}
	})
}

// TestNobodySharesAName: those who come and those who are still leaving have names of
// their own. A user makes one call at a time, so that two at once give it away.
func TestNobodySharesAName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 100
		var mu sync.Mutex
		busy, names, shared := map[string]bool{}, map[string]bool{}, 0
		o := newOffice()
		o.hook = func(r *http.Request) (int, string) {
			name := r.Header.Get("User-Id")
			if name == "" {
				return 0, ""
			}
			mu.Lock()
			if busy[name] {
				shared++
			}
			busy[name], names[name] = true, true
			mu.Unlock()
			pause(r, 6*time.Second)
			mu.Lock()
			busy[name] = false
			mu.Unlock()
			return 0, ""
		}
		c, stop := start(t, o, settings(most, crowd.Items))
		defer stop()
		for i := range 12 {
			time.Sleep(time.Minute)
			// To others who play something else, and back and forth in one scenario.
			for _, want := range []crowd.Settings{
				{Users: most, Scenario: crowd.Scenarios()[i%3]}, {Users: 0, Scenario: crowd.Items}, {Users: most, Scenario: crowd.Items},
			} {
				if err := c.Set(want); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
			}
		}
		stop()
		if shared > 0 {
			t.Errorf("%d calls began while another of the same name was under way", shared)
		}
		if len(names) < most+1 || len(names) > crowd.MaxUsers {
			t.Errorf("%d names: no user came while another was leaving, or names are not used again", len(names))
		}
	})
}
