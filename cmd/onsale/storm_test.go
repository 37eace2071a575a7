package main

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"onsale/internal/pgtest"
)

// TestTwoHundredBuyersForAHundredTickets: buyers race for the tickets at two processes with one
// database, with different quantities and refunds.
func TestTwoHundredBuyersForAHundredTickets(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	first, second := serve(t, database(url), "--faults", "off"), serve(t, database(url), "--faults", "off")
	r := newRush(t, first.url(), 100)
	bases := []string{first.url(), second.url()}

	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			status, told := r.once(t.Context(), bases[i%2], r.buyer(), 1+i%5)
			if status == http.StatusOK && i%4 == 0 {
				r.refund(t.Context(), told.ID)
			}
		})
	}
	all.Wait()
	if untold := r.verify(); untold != 0 {
		t.Errorf("%d purchases without a receipt", untold)
	}
	for status := range r.answers {
		if status != http.StatusOK && status != http.StatusConflict {
			t.Errorf("answers %v, want sold and sold out only", r.answers)
		}
	}
	if r.answers[http.StatusConflict] == 0 {
		t.Error("no buyer got sold_out: there was no race")
	}
}

// TestKilledInMidRush kills and restarts the server five times while buyers buy.
func TestKilledInMidRush(t *testing.T) {
	t.Parallel()
	for name, where := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, dir := where(t)
			p := serve(t, env, "--faults", "off", dir)
			r := newRush(t, p.url(), 1_000_000)
			ctx, stop := context.WithCancel(t.Context())
			wait := r.storm(ctx, 32)
			for range 5 {
				time.Sleep(500 * time.Millisecond)
				p.kill()
				p = serve(t, env, "--faults", "off", dir)
				base := p.url()
				r.base.Store(&base)
			}
			time.Sleep(500 * time.Millisecond)
			stop()
			wait()
			untold := r.verify()
			t.Logf("%d receipts, %d purchases without one, answers %v", len(r.receipts), untold, r.answers)
			if len(r.receipts) < 100 || r.answers[0] == 0 {
				t.Errorf("answers %v: no purchase failed, so the test proves nothing", r.answers)
			}
		})
	}
}

// TestPostgresStoppedInMidRush stops the database in several ways while buyers buy, and starts
// it again.
func TestPostgresStoppedInMidRush(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	p := serve(t, database(pg.Database(t)), "--faults", "off")
	r := newRush(t, p.url(), 1_000_000)
	ctx, stop := context.WithCancel(t.Context())
	wait := r.storm(ctx, 32)
	for _, away := range []struct {
		name       string
		take, give func() error
	}{
		{"fast stop", func() error { return pg.Stop(pgtest.Fast) }, pg.Start},
		{"crash", pg.Kill, pg.Start},
		{"freeze", pg.Pause, pg.Continue},
	} {
		time.Sleep(500 * time.Millisecond)
		if err := away.take(); err != nil {
			t.Fatalf("%s: %v", away.name, err)
		}
		r.become(http.StatusServiceUnavailable)
		time.Sleep(500 * time.Millisecond)
		if err := away.give(); err != nil {
			t.Fatalf("%s: %v", away.name, err)
		}
		r.become(http.StatusOK)
	}
	time.Sleep(500 * time.Millisecond)
	stop()
	wait()
	untold := r.verify()
	t.Logf("%d receipts, %d purchases without one, answers %v, slowest %v", len(r.receipts), untold, r.answers, r.slowest)
	if r.answers[http.StatusServiceUnavailable] == 0 {
		t.Errorf("answers %v: no purchase failed, so the test proves nothing", r.answers)
	}
	for status := range maps.Keys(r.answers) {
		if !slices.Contains([]int{0, http.StatusOK, http.StatusServiceUnavailable}, status) {
			t.Errorf("answers %v, want sold and unavailable only", r.answers)
		}
	}
	if d := r.slowest[http.StatusServiceUnavailable]; d > awayAnswerLimit {
		t.Errorf("got unavailable after %s, want at most %s", d, awayAnswerLimit)
	}
}

// awayAnswerLimit is the promised second plus a reserve for a busy machine and the race
// detector. The tests of package sale check the exact second in virtual time.
const awayAnswerLimit = 2500 * time.Millisecond

// become waits until the status of /ready is as wanted.
func (r *rush) become(status int) {
	r.t.Helper()
	deadline := time.Now().Add(startLimit)
	for time.Now().Before(deadline) {
		if got, _ := call(r.t.Context(), r.client, http.MethodGet, *r.base.Load()+"/ready", ""); got == status {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.t.Fatalf("/ready did not answer %d within %s", status, startLimit)
}

// TestTerminatedInMidRush stops the server with SIGTERM. Requests in flight are answered, and
// the exit code is 0.
func TestTerminatedInMidRush(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := serve(t, nil, dir, "--drain-delay", "3s") // with the delays of the default plan
	r := newRush(t, p.url(), 1000)
	bought := make(chan struct{})
	go func() {
		defer close(bought)
		r.buy(t.Context(), 50, 1)
	}()
	time.Sleep(700 * time.Millisecond) // all buyers are in the delay of 1 to 4 s
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.become(http.StatusServiceUnavailable) // so that a load balancer sends no more requests
	if code := p.code(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	<-bought
	if r.answers[http.StatusOK] != 50 {
		t.Errorf("answers %v, want 50 sold", r.answers)
	}
	again := serve(t, nil, dir)
	base := again.url()
	r.base.Store(&base)
	if untold := r.verify(); untold != 0 {
		t.Errorf("%d purchases without a receipt", untold)
	}
}

// TestFaultPlanReachesEveryReplica changes the plan at one replica and waits until the other
// applies it.
func TestFaultPlanReachesEveryReplica(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	first, second := serve(t, database(url), "--faults", "off"), serve(t, database(url))
	c := newClient()
	defer c.CloseIdleConnections()
	status, body := call(t.Context(), c, http.MethodPut, first.url()+"/faults", `{"ready":false}`)
	if status != http.StatusOK {
		t.Fatalf("PUT /faults answered %d %s", status, body)
	}
	begin := time.Now()
	r := &rush{t: t, client: c}
	base := second.url()
	r.base.Store(&base)
	r.become(http.StatusServiceUnavailable)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the other replica took %s, want 2 s", took)
	}
	var faults struct{ Replicas []struct{ Applied bool } }
	for deadline := time.Now().Add(startLimit); ; time.Sleep(50 * time.Millisecond) {
		r.get("/faults", &faults)
		applied := 0
		for _, replica := range faults.Replicas {
			if replica.Applied {
				applied++
			}
		}
		if applied == 2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(errors.New("GET /faults never reported that both replicas have the plan"))
		}
	}
}
