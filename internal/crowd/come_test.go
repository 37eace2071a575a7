package crowd_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/crowd"
)

func TestUsersStartAndStop(t *testing.T) {
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
			time.Sleep(3 * time.Second) // purchases in progress end
			if s := c.State(); s.Settings != want || s.Running != want.Users {
				t.Errorf("%+v, %d running, want %+v", s.Settings, s.Running, want)
			}
			before := o.calls()
			time.Sleep(time.Minute)
			switch calls := o.calls() - before; {
			case want.Users == 0 && calls > 0:
				t.Errorf("%d calls without users", calls)
			case calls < 15*want.Users || calls > 40*want.Users+10:
				t.Errorf("%+v: %d calls in a minute", want, calls)
			}
		}
		if o.cut > 0 {
			t.Errorf("%d calls were cut off", o.cut)
		}
	})
}

// TestFirstCallsAreSpread checks that users that start together first pause for 0
// to 3 s.
func TestFirstCallsAreSpread(t *testing.T) {
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
			t.Errorf("users per second after the start: %v", came)
		}
	})
}

// TestHangingCallsAreBounded checks that there are never more users than the limit
// while stopping users hang in a call.
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
				t.Fatalf("%d users are running", n)
			}
		}
		time.Sleep(time.Minute)
		if n := c.State().Running; n != most {
			t.Errorf("%d users are running again, want %d", n, most)
		}
		begin := time.Now()
		stop()
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("stopped after %s", took)
		}
	})
}

// TestHangingCallsAreBoundedOverScenarios checks the same for changes of the
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
				t.Fatalf("%d users are running", n)
			}
		}
		time.Sleep(time.Minute)
		if n := c.State().Running; n != most {
			t.Errorf("%d users are running again, want %d", n, most)
		}
	})
}
