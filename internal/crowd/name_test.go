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

// collectors returns the number of item calls by user, from the given call on.
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

// TestOneUserInFiveMakesItemCalls checks that the 2nd, 7th, 12th user and so on
// make item calls, for any number of users and any number before.
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
				time.Sleep(5 * time.Second) // surplus users have stopped
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

// TestNamesAreReused checks that names are reused, because each is a label value of
// metrics and counts as an active user for a while.
func TestNamesAreReused(t *testing.T) {
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
			t.Errorf("5 concurrent users have %d names: %v", len(got), got)
		}
	})
}

// TestNamesAreUnique checks that starting and stopping users have different names.
// A user makes one call at a time, so two concurrent calls with one name are an
// error.
func TestNamesAreUnique(t *testing.T) {
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
			// Change the scenario, and stop and start users of one scenario.
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
			t.Errorf("%d calls started during another call with the same name", shared)
		}
		if len(names) < most+1 || len(names) > crowd.MaxUsers {
			t.Errorf("%d names: no user started while another was stopping, or names are not reused", len(names))
		}
	})
}
