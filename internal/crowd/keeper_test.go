package crowd_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/crowd"
)

// closed returns a concert with only the reserve left, from which users no longer
// buy.
func closed(capacity int) concert {
	return concert{Title: "Closed", Capacity: capacity, Sold: capacity - max(capacity/20, 50)}
}

func TestConcertsOpenBeforeOthersSellOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The users may buy 500 tickets of each of three concerts. A hundred users
		// buy them within a minute, with delayed lists.
		nearly := concert{Title: "Nearly gone", Capacity: 20_000, Sold: 18_500}
		o := newOffice(nearly, nearly, nearly)
		o.hook, o.staleFor = payment, 250*time.Millisecond
		c, stop := start(t, o, settings(100, crowd.Tickets))
		time.Sleep(10 * time.Minute)
		stop()
		concerts := o.stock()
		for _, old := range concerts[:3] {
			// Purchases within the age of one list may go below the reserve.
			if left := old.Capacity - old.Sold; left > 1000+5 || left < 1000-50 {
				t.Errorf("%d tickets are left, want 1000", left)
			}
		}
		if len(concerts) != 6 {
			t.Errorf("%d new concerts are on sale, want 3", len(concerts)-3)
		}
		if s := c.State(); s.Counts.SoldOut+s.Counts.Failed > 0 || s.Counts.Tickets < 10_000 || len(s.Concerts) != 3 || s.Concerts[0].ID != 6 {
			t.Errorf("%+v", s)
		}
		titles := map[string]bool{}
		for _, opened := range concerts[3:] {
			titles[opened.Title] = true
			date, err := time.Parse("2006-01-02 15:04", opened.Date)
			if ahead := time.Until(date); err != nil || ahead < 12*24*time.Hour || ahead > 102*24*time.Hour || opened.Sold < 100 || opened.Venue == "" {
				t.Errorf("%+v", opened)
			}
		}
		if len(titles) != 3 {
			t.Errorf("titles %v", titles)
		}
	})
}

// TestListsThatAreTooOldSellOut is the negative control of the test above: with old
// lists, users do not know how many tickets are left and sell concerts out.
func TestListsThatAreTooOldSellOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nearly := concert{Title: "Nearly gone", Capacity: 20_000, Sold: 18_500}
		o := newOffice(nearly, nearly, nearly)
		o.hook, o.staleFor = payment, time.Hour
		c, stop := start(t, o, settings(100, crowd.Tickets))
		time.Sleep(10 * time.Minute)
		stop()
		if s := c.State(); s.Counts.SoldOut == 0 || len(o.stock()) != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// TestUsersLeaveTicketsToPeople checks that users buy from people's concerts, but
// leave the last tickets and small concerts to them.
func TestUsersLeaveTicketsToPeople(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(concert{Title: "Small", Capacity: 50}, concert{Title: "Larger", Capacity: 200})
		o.hook, o.staleFor = payment, 250*time.Millisecond
		_, stop := start(t, o, settings(25, crowd.Tickets))
		time.Sleep(10 * time.Minute)
		stop()
		concerts := o.stock()
		if concerts[0].Sold > 0 {
			t.Errorf("%d tickets of 50 are sold", concerts[0].Sold)
		}
		if left := 200 - concerts[1].Sold; left < 40 || left > 55 {
			t.Errorf("%d tickets of 200 are left", left)
		}
		if len(concerts) < 5 {
			t.Errorf("%d concerts", len(concerts))
		}
	})
}

func TestRestartUsesExistingConcerts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		for again, want := range []int{3, 3, 4} {
			if again == 2 { // others have sold it out meanwhile
				o.concerts[1].Sold = o.concerts[1].Capacity
			}
			_, stop := start(t, o, settings(5, crowd.Tickets))
			time.Sleep(time.Minute)
			stop()
			if n := len(o.stock()); n != want {
				t.Errorf("start %d: %d concerts, want %d", again+1, n, want)
			}
		}
		if titles := o.stock(); titles[3].Title == titles[0].Title {
			t.Errorf("the programme starts over: %v", titles)
		}
	})
}

func TestConcertsOpenWithoutUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(closed(100), closed(40_000))
		c, stop := start(t, o, settings(0, crowd.Tickets))
		time.Sleep(time.Hour)
		if n := len(o.stock()); n != 2+3 || o.calls() != 1+3 {
			t.Errorf("%d concerts after %d calls", n, o.calls())
		}
		if s := c.State(); s.Running != 0 || s.Counts.Calls != 0 {
			t.Errorf("%+v", s)
		}
		stop()
	})
}

// TestKeeperWithoutTheAdminToken checks that users then only list concerts.
func TestKeeperWithoutTheAdminToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		o.hook = refuseAdmin
		log, written := logTo()
		options := settings(5, crowd.Tickets)
		options.Logger = log
		c, stop := start(t, o, options)
		time.Sleep(time.Minute)
		stop()
		if s := c.State(); s.Counts.Purchases > 0 || s.Counts.Failed > 0 || s.Counts.Calls < 60 {
			t.Errorf("%+v", s)
		}
		if !slices.Equal(written.text, []string{"WARN cannot keep demo concerts on sale"}) {
			t.Errorf("log: %q", written.text)
		}
	})
}

// TestProgrammeRepeats opens a day's concerts.
func TestProgrammeRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		for range 10 {
			_, stop := start(t, o, settings(0, crowd.Tickets))
			time.Sleep(time.Minute)
			stop()
			for i := range o.concerts {
				o.concerts[i].Sold = o.concerts[i].Capacity
			}
		}
		concerts := o.stock()
		if len(concerts) != 30 || concerts[0].Title != concerts[12].Title {
			t.Errorf("%d concerts", len(concerts))
		}
		for _, c := range concerts {
			if c.Capacity < 20_000 || strings.TrimSpace(c.Title) == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}
