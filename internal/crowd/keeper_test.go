package crowd_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/crowd"
)

// closed is a concert that the crowd has left: its reserve is untouched.
func closed(capacity int) concert {
	return concert{Title: "Closed", Capacity: capacity, Sold: capacity - max(capacity/20, 50)}
}

func TestConcertsOpenBeforeOthersSellOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Three concerts of 500 tickets each that the crowd may have, which a
		// hundred users take within the minute, and lists that are late.
		nearly := concert{Title: "Nearly gone", Capacity: 20_000, Sold: 18_500}
		o := newOffice(nearly, nearly, nearly)
		o.hook, o.staleFor = payment, 250*time.Millisecond
		c, stop := start(t, o, settings(100, crowd.Tickets))
		time.Sleep(10 * time.Minute)
		stop()
		concerts := o.stock()
		for _, old := range concerts[:3] {
			// One list's age below the reserve is what may be sold.
			if left := old.Capacity - old.Sold; left > 1000+5 || left < 1000-50 {
				t.Errorf("%d tickets are left, want 1000", left)
			}
		}
		if len(concerts) != 6 {
			t.Errorf("%d concerts are on sale beside them, want 3", len(concerts)-3)
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

// TestListsThatAreTooOldSellOut is the control of the test above: what keeps the
// crowd from selling a concert out is knowing how many tickets are left.
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

// TestPersonsConcertsAreTheirs: the crowd buys from them, and leaves the last
// tickets, or a small concert, to whoever opened it.
func TestPersonsConcertsAreTheirs(t *testing.T) {
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

func TestSecondStartGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		for again, want := range []int{3, 3, 4} {
			if again == 2 { // sold meanwhile, by others
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
			t.Errorf("the programme begins anew: %v", titles)
		}
	})
}

func TestNobodyFindsConcertsToo(t *testing.T) {
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

// TestKeeperWithoutTheAdminToken: users look, and nothing else happens.
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
		if !slices.Equal(written.text, []string{"WARN demo concerts cannot be looked after"}) {
			t.Errorf("log: %q", written.text)
		}
	})
}

// TestProgrammeRepeats over a day's worth of concerts, all of which the server
// must take.
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
