package fault_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/fault"
)

// crashing returns an injector with a store, and a channel with the times at which
// it crashed.
func crashing(t *testing.T, store fault.Store, o fault.Options) (i *fault.Injector, ended chan time.Time) {
	t.Helper()
	ended = make(chan time.Time, 10)
	o.Store, o.Crash = store, func() { ended <- time.Now() }
	if o.Replica == "" {
		o.Replica = "one"
	}
	i = fault.NewInjector(o)
	return i, ended
}

// Every replica that runs when a crash is set ends once. Replicas that start later
// do not, even if they start immediately.
func TestCrashStrikesEveryReplicaOnce(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"PUT", "PATCH"} {
		synctest.Test(t, func(t *testing.T) {
			store := &memoryStore{skew: time.Hour}
			var log safeBuffer
			reg := prometheus.NewPedanticRegistry()
			one, first := crashing(t, store, fault.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Registerer: reg})
			two, second := crashing(t, store, fault.Options{Replica: "number two"})
			run(t, one)
			run(t, two)
			time.Sleep(10*time.Second + 300*time.Millisecond)
			begin := time.Now()
			if how == "PUT" {
				mustSet(t, one, fault.Plan{Crash: fault.Crash{On: true, After: 3 * time.Second}})
			} else {
				mustPatch(t, one, `{"crash":{"after":"3s"}}`)
			}
			if got := one.Active(); len(got) != 1 || got[0] != "crash" {
				t.Errorf("active: %q", got)
			}
			for _, ended := range []chan time.Time{first, second} {
				if after := (<-ended).Sub(begin); after != 3*time.Second {
					t.Errorf("%s: ended %s after it was set", how, after)
				}
			}
			if !strings.Contains(log.String(), "crashing because of the fault plan") {
				t.Errorf("the log is\n%s", log.String())
			}
			if got := series(t, reg, "onsale_faults_injected_total")["crash"]; got != 1 {
				t.Errorf("counted %v", got)
			}
			again, third := crashing(t, store, fault.Options{Replica: "number three"})
			if err := again.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			run(t, again)
			if got := again.Active(); len(got) != 0 {
				t.Errorf("%s: a replica that started later has the active faults %q", how, got)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			mustPatch(t, again, `{"ready":false}`)
			time.Sleep(time.Minute)
			synctest.Wait()
			if len(first)+len(second)+len(third) != 0 {
				t.Errorf("%s: crashed again: %d, %d, %d", how, len(first), len(second), len(third))
			}
			if again.State().Plan.Crash.On {
				t.Error("a patch kept a crash that is over")
			}
		})
	}
}

// An immediate crash leaves time for the response. A cancelled crash has no effect.
func TestImmediateAndCancelledCrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i, ended := crashing(t, nil, fault.Options{Plan: fault.Default()})
		run(t, i)
		time.Sleep(time.Second)
		mustPatch(t, i, `{"crash":{"after":"5s"}}`)
		time.Sleep(4 * time.Second)
		mustPatch(t, i, `{"crash":null}`)
		time.Sleep(time.Minute)
		if len(ended) != 0 {
			t.Error("crashed although it was cancelled")
		}
		begin := time.Now()
		mustPatch(t, i, `{"crash":true}`)
		if after := (<-ended).Sub(begin); after <= 0 || after > time.Second {
			t.Errorf("ended after %s", after)
		}
	})
}
