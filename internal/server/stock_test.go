package server_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// Scrapes read the stock of concerts from the snapshot, which is refreshed at most every
// 5 s.
func TestStock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.concert(t, 10)
		r.concert(t, 20)
		r.add(1, 10)
		r.add(2, 3)
		for _, c := range []struct {
			name, label string
			value       float64
		}{
			{"onsale_concert_tickets_sold", "concert=1", 10},
			{"onsale_concert_tickets_sold", "concert=2", 3},
			{"onsale_concert_capacity_tickets", "concert=1", 10},
			{"onsale_concert_capacity_tickets", "concert=2", 20},
			{"onsale_concerts", "state=on_sale", 1},
			{"onsale_concerts", "state=sold_out", 1},
		} {
			if got := r.series(t, c.name, c.label); got != c.value {
				t.Errorf("%s{%s} = %v, want %v", c.name, c.label, got, c.value)
			}
		}
		for range 5 {
			time.Sleep(time.Second)
			r.series(t, "onsale_concerts", "state=on_sale")
		}
		if r.lists != 1 {
			t.Errorf("read %d times in 5 s", r.lists)
		}
		r.add(2, 17)
		time.Sleep(time.Second)
		if got := r.series(t, "onsale_concerts", "state=sold_out"); got != 2 || r.lists != 2 {
			t.Errorf("after 6 s: %v sold out, read %d times", got, r.lists)
		}
	})
}

// The number of series is bounded for any number of concerts.
func TestStockIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if got := r.series(t, "onsale_concerts", "state=on_sale"); got != 0 {
		t.Errorf("%v concerts at the start", got)
	}
	r = newRig(t)
	for range 60 {
		r.concert(t, 10)
	}
	for id := range int64(12) {
		r.add(id+1, 1)
	}
	if got := r.series(t, "onsale_concert_tickets_sold", "concert=other"); got != 10 {
		t.Errorf("other has sold %v, want 10", got)
	}
	if got := r.series(t, "onsale_concert_capacity_tickets", "concert=other"); got != 100 {
		t.Errorf("other has %v tickets, want 100", got)
	}
	for _, id := range []int{11, 12, 60} {
		r.series(t, "onsale_concert_tickets_sold", fmt.Sprintf("concert=%d", id))
	}
	if got := r.count(t, "onsale_concert_tickets_sold"); got != 51 {
		t.Errorf("%d series, want 51", got)
	}
}

// A scrape does not wait for a database that hangs. An unknown stock has no series.
func TestStockWithoutDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.hook(func(context.Context, string) error { return errors.New("away") })
		if got := r.count(t, "onsale_concerts"); got != 0 {
			t.Errorf("%d series of an unknown stock", got)
		}
		r.hook(nil)
		r.concert(t, 10)
		time.Sleep(time.Second)
		r.series(t, "onsale_concerts", "state=on_sale")
		r.hook(func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		})
		time.Sleep(6 * time.Second)
		start := time.Now()
		if got := r.series(t, "onsale_concerts", "state=on_sale"); got != 1 {
			t.Errorf("the last known stock is %v", got)
		}
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("the scrape waited %v", took)
		}
		time.Sleep(time.Minute)
		if got := r.count(t, "onsale_concerts"); got != 0 {
			t.Errorf("%d series of a stock that is over a minute old", got)
		}
		time.Sleep(time.Minute)
	})
}
