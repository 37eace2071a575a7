package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/app"
	"onsale/internal/app/apptest"
	"onsale/internal/client"
	"onsale/internal/fault"
	"onsale/internal/sale"
)

// TestQueriesDoNotSlowTheSale compares how long purchases take alone and beside
// eight clients that send expensive queries all the time.
func TestQueriesDoNotSlowTheSale(t *testing.T) {
	t.Parallel()
	o := app.DefaultOptions()
	up := app.DefaultUp()
	up.Users = 0
	o.Listen, o.DataDir, o.Faults, o.AdminToken, o.Up = "127.0.0.1:0", t.TempDir(), new(fault.Plan), apptest.AdminToken, &up
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	base := "http://" + a.Addr()
	api := apptest.Admin(t, base)
	concert, err := api.CreateConcert(t.Context(), sale.NewConcert{Title: "a", Date: "b", Venue: "c", Capacity: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	buy := func(d time.Duration) (took []time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); {
			before := time.Now()
			if _, err := api.Buy(t.Context(), client.BuyRequest{ConcertID: concert.ID, Email: "a@example.com", Quantity: 1}); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(before))
		}
		return took
	}
	buy(200 * time.Millisecond)
	alone := buy(time.Second)
	end := attack(t, base)
	buy(3 * time.Second) // Strangers have credit for two seconds, once.
	beside := buy(3 * time.Second)
	end()
	alone = append(alone, buy(time.Second)...)
	t.Logf("median alone %s, beside queries %s", median(alone), median(beside))
	// Twice as long is the aim; the rest is for a machine that does other things.
	if limit := 3*median(alone) + 2*time.Millisecond; median(beside) > limit {
		t.Errorf("a purchase takes %s beside queries, %s alone", median(beside), median(alone))
	}
}

// attack sends expensive queries from eight clients until it is ended, each for
// half a second before its client hangs up.
func attack(t *testing.T, base string) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	now := time.Now().Unix()
	for i := range 8 {
		clients.Go(func() {
			transport := new(http.Transport)
			defer transport.CloseIdleConnections()
			for n := 0; ctx.Err() == nil; n++ {
				form := url.Values{"start": {fmt.Sprint(now - 5000)}, "end": {fmt.Sprint(now)}, "step": {"1"}}
				form.Set("query", []string{
					`count_values("t", vector(time()))`,
					`quantile_over_time(0.5, (vector(time()))[3000s:1s])`,
					`{__name__=~".+"} or {__name__!=""} or {job=~".*e.*"}`,
				}[(n+i)%3])
				call, hangUp := context.WithTimeout(ctx, 500*time.Millisecond)
				request, err := http.NewRequestWithContext(call, http.MethodGet, base+"/api/v1/query_range?"+form.Encode(), http.NoBody)
				if err != nil {
					t.Error(err)
				} else if response, err := transport.RoundTrip(request); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				} else if !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
					t.Error(err)
				}
				hangUp()
			}
		})
	}
	return func() {
		cancel()
		clients.Wait()
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// TestMonitorAloneIsGuarded asks `onsale monitor` for what takes gigabytes.
func TestMonitorAloneIsGuarded(t *testing.T) {
	t.Parallel()
	o := app.DefaultMonitorOptions()
	said := newLines()
	o.Listen, o.DataDir, o.Targets, o.Out = "127.0.0.1:0", t.TempDir(), []string{"http://127.0.0.1:1"}, said
	ctx, stop := context.WithCancel(t.Context())
	m, err := app.NewMonitor(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("monitor: %v", err)
		}
	}()
	base := said.address(t)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/query?query=up%5B1y:1ms%5D", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("answered %d", response.StatusCode)
	}
}

// lines hands on the address of the line that says a server is ready.
type lines struct{ ready chan string }

func newLines() lines { return lines{make(chan string, 1)} }

func (l lines) Write(p []byte) (int, error) {
	if _, address, ok := strings.Cut(strings.TrimSpace(string(p)), "ready on "); ok {
		l.ready <- address
	}
	return len(p), nil
}

func (l lines) address(t *testing.T) string {
	t.Helper()
	select {
	case address := <-l.ready:
		return address
	case <-time.After(30 * time.Second):
		t.Fatal("the monitor does not get ready")
		return ""
	}
}
