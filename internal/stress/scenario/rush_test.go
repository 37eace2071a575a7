package scenario_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// hall is a fake target with old concerts, and a newest one with left tickets.
type hall struct {
	*target

	mu   sync.Mutex
	left int
}

const newest = 7

func newHall(tickets int) *hall {
	h := &hall{left: tickets}
	h.target = &target{answer: h.serve}
	return h
}

func (h *hall) serve(r request) (int, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.method == "GET" {
		return 200, fmt.Sprintf(`[{"id":3,"available":9},{"id":%d,"available":%d},{"id":5,"available":9}]`, newest, h.left)
	}
	quantity, err := strconv.Atoi(strings.TrimSuffix(r.body[strings.LastIndex(r.body, ":")+1:], "}"))
	switch {
	case err != nil || r.path != "/buy/7":
		return 404, `{"code":"not_found"}`
	case quantity > h.left:
		return 409, fmt.Sprintf(`{"code":"sold_out","available":%d}`, h.left)
	}
	h.left -= quantity
	return 200, receipt(r)
}

// TestRush: the newest concert is sold out within seconds. Then
// users request the list from time to time, and buy tickets that are returned.
func TestRush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHall(1001)
		in := instance(t, "rush")
		if !in.Scenario.SpawnAtOnce {
			t.Error("the users do not start all at once")
		}
		began := time.Now()
		time.AfterFunc(30*time.Second, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.left = 2
		})
		s := run(t, in, h.connect, 100, time.Minute)
		if s.Total.Failures != 0 || h.left != 0 || in.Tally.Counts().Tickets != 1003 {
			t.Errorf("%d left, %+v, %+v", h.left, in.Tally.Counts(), s.Failures)
		}
		var early, late, listings int
		for _, r := range h.requests() {
			switch at := r.at.Sub(began); {
			case r.method == "POST" && at < 5*time.Second:
				early++
			case r.method == "POST" && at < 30*time.Second:
				late++
			case at > 5*time.Second && at < 30*time.Second:
				listings++
			}
		}
		if early < 400 || late > 100 || listings < 200 || listings > 1000 {
			t.Errorf("%d purchases at the beginning, %d after all were sold, %d lists", early, late, listings)
		}
	})
}

// TestRushWaitsForItsConcert: users that start before the concert exists request the list until it does.
func TestRushWaitsForItsConcert(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, began := newHall(10), time.Now()
		h.answer = func(r request) (int, string) {
			if r.at.Sub(began) < 20*time.Second {
				return 200, `[]`
			}
			return h.serve(r)
		}
		in := instance(t, "rush")
		s := run(t, in, h.connect, 10, time.Minute)
		if s.Total.Failures != 0 || in.Tally.Counts().Tickets != 10 {
			t.Errorf("%+v, %+v", in.Tally.Counts(), s.Failures)
		}
	})
}
