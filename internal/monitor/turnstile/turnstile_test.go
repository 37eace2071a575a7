package turnstile_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/monitor/turnstile"
)

// quarter returns the share of all processors that is a quarter of one. A client may use
// two thirds of it.
func quarter() float64 { return 0.25 / float64(runtime.GOMAXPROCS(0)) }

// enter calls Enter and fails the test if it returns an error.
func enter(t *testing.T, gate *turnstile.Turnstile, client string) (leave func(time.Duration), waited time.Duration) {
	t.Helper()
	before := time.Now()
	leave, _, err := gate.Enter(t.Context(), client)
	if err != nil {
		t.Fatalf("%s: %v", client, err)
	}
	return leave, time.Since(before)
}

func TestDashboardIsNotDelayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := turnstile.New(quarter())
		for range 100 { // refreshes of 20 panels, every 5 s
			for range 20 {
				leave, waited := enter(t, gate, "dashboard")
				if waited > 0 {
					t.Fatalf("a panel waited %s", waited)
				}
				leave(5 * time.Millisecond)
			}
			time.Sleep(5 * time.Second)
		}
	})
}

// TestClientsUseOnlyTheirShare has 50 clients that send queries all the time: the longest
// possible ones, and short ones.
func TestClientsUseOnlyTheirShare(t *testing.T) {
	t.Parallel()
	for _, each := range []time.Duration{50 * time.Millisecond, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			gate := turnstile.New(quarter())
			ctx, end := context.WithTimeout(t.Context(), 10*time.Minute)
			defer end()
			used := make(chan time.Duration, 50)
			for i := range cap(used) {
				go func() {
					var sum time.Duration
					for ctx.Err() == nil {
						leave, after, err := gate.Enter(ctx, fmt.Sprint("stranger ", i))
						if err != nil {
							time.Sleep(after)
							continue
						}
						time.Sleep(each)
						sum += each
						leave(each)
					}
					used <- sum
				}()
			}
			var all time.Duration
			for range cap(used) {
				all += <-used
			}
			// A quarter of ten minutes, the credit at the start, and the running calls.
			if most := 150*time.Second + 500*time.Millisecond + 2*each; all > most || all < 100*time.Second {
				t.Errorf("queries of %s used %s, want 100s to %s", each, all, most)
			}
		})
	}
}

func TestOneClientLeavesRoomForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := turnstile.New(quarter())
		leave, _ := enter(t, gate, "greedy")
		if _, after, err := gate.Enter(t.Context(), "greedy"); !errors.Is(err, turnstile.ErrBusy) || after <= 0 {
			t.Errorf("a second call of the same client: %v after %s", err, after)
		}
		leaveOther, waited := enter(t, gate, "other")
		if waited > 0 {
			t.Errorf("another client waited %s", waited)
		}
		leaveOther(time.Millisecond)
		leave(1500 * time.Millisecond)
		// The client owes one second, and earns a sixth of a processor.
		if _, after, err := gate.Enter(t.Context(), "greedy"); !errors.Is(err, turnstile.ErrBusy) || after < 4*time.Second {
			t.Errorf("in debt: %v, after %s", err, after)
		}
		time.Sleep(7 * time.Second)
		leave, _ = enter(t, gate, "greedy")
		leave(0)
	})
}

func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := turnstile.New(quarter())
		leave, _ := enter(t, gate, "a")
		ctx, hangUp := context.WithCancel(t.Context())
		answers := make(chan error)
		go func() {
			_, _, err := gate.Enter(ctx, "a")
			answers <- err
		}()
		synctest.Wait()
		hangUp()
		if err := <-answers; !errors.Is(err, context.Canceled) {
			t.Errorf("a client that disconnected: %v", err)
		}
		go func() {
			leave, _, err := gate.Enter(t.Context(), "a")
			if err == nil {
				leave(0)
			}
			answers <- err
		}()
		synctest.Wait()
		leave(0)
		if err := <-answers; err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
}

func TestTooManyWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := turnstile.New(quarter())
		leave, _ := enter(t, gate, "a")
		for range turnstile.MaxClientWaiting {
			go func() { _, _, _ = gate.Enter(t.Context(), "a") }()
		}
		synctest.Wait()
		before := time.Now()
		if _, _, err := gate.Enter(t.Context(), "a"); !errors.Is(err, turnstile.ErrBusy) || time.Since(before) > 0 {
			t.Errorf("one more of the same client: %v after %s", err, time.Since(before))
		}
		leaveOther, _ := enter(t, gate, "b")
		for i := range turnstile.MaxWaiting - turnstile.MaxClientWaiting {
			go func() { _, _, _ = gate.Enter(t.Context(), fmt.Sprint("c", i)) }()
		}
		synctest.Wait()
		if _, _, err := gate.Enter(t.Context(), "b"); !errors.Is(err, turnstile.ErrBusy) || time.Since(before) > 0 {
			t.Errorf("one more: %v after %s", err, time.Since(before))
		}
		time.Sleep(turnstile.Timeout)
		synctest.Wait()
		leave(0)
		leaveOther(0)
		leave, _ = enter(t, gate, "b")
		leave(0)
	})
}

// TestManyClientsCountAsOne checks that using many addresses does not increase the share.
func TestManyClientsCountAsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := turnstile.New(quarter())
		before := time.Now()
		for i := range 3000 {
			leave, _ := enter(t, gate, fmt.Sprint(i))
			leave(time.Millisecond)
		}
		if took := time.Since(before); took < 3*time.Second {
			t.Errorf("three seconds of processor time took %s, want 4s, because the first two calls run at once", took)
		}
	})
}
