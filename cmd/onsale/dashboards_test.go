package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/client"
	"onsale/internal/fault"
	"onsale/internal/sale"
)

// TestEveryPanelHasData buys, browses, refunds and provokes all failures, and waits until
// each query of each panel has data.
func TestEveryPanelHasData(t *testing.T) {
	t.Parallel()
	up := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--crowd", "0", "--faults", "default", dataDir(t))
	traffic(t, up.url())
	allDraw(t, up.url(), everyPanel(t), func(p catalog.Panel, q catalog.Query) bool {
		// For services that do not count purchases by outcome.
		return p.Title == "Failure Rate (%)" && q.Legend == "denied or sold out"
	})
}

// everyPanel returns the panels of all dashboards. After each comes a panel of the series
// that it reads.
func everyPanel(t *testing.T) []catalog.Panel {
	t.Helper()
	var panels []catalog.Panel
	for _, d := range catalog.Dashboards() {
		for _, row := range d.Rows {
			for _, p := range row.Panels {
				panels = append(panels, p, catalog.Panel{Title: "the series of " + p.Title, Queries: selectors(t, p)})
			}
		}
	}
	return panels
}

// TestSixPanelsOfAnEarlierService monitors a service that exports only the metrics of the
// contract. The first six panels have data.
func TestSixPanelsOfAnEarlierService(t *testing.T) {
	t.Parallel()
	target := httptest.NewServer(new(earlierService))
	defer target.Close()
	monitor := launch(t, nil, "monitor", "--listen", "127.0.0.1:0", "--pace", "demo", "--target", target.URL, dataDir(t))
	allDraw(t, monitor.url(), catalog.Dashboards()[0].Rows[0].Panels, func(p catalog.Panel, q catalog.Query) bool {
		// It does not count purchases by outcome.
		return p.Title == "Failure Rate (%)" && (q.Legend == "denied" || q.Legend == "sold out")
	})
}

// earlierService answers scrapes like a service that, between two scrapes, sells ten tickets
// and denies one, or fails ten times and denies one.
type earlierService struct {
	failing atomic.Bool

	scrapes, sold, failed atomic.Int64
}

func (e *earlierService) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	n := e.scrapes.Add(1)
	if e.failing.Load() {
		e.failed.Add(10)
	} else {
		e.sold.Add(10)
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprintf(w, `# TYPE http_requests_total counter
http_requests_total{method="POST",endpoint="/buy/7",status="200"} %d
http_requests_total{method="POST",endpoint="/buy/7",status="500"} %d
http_requests_total{method="POST",endpoint="/buy_random_deny/7",status="409"} %d
http_requests_total{method="GET",endpoint="/metrics",status="200"} %d
# TYPE request_duration_seconds histogram
request_duration_seconds_bucket{le="1.0"} %d
request_duration_seconds_bucket{le="5.0"} %d
request_duration_seconds_bucket{le="+Inf"} %d
request_duration_seconds_count %d
request_duration_seconds_sum %d
# TYPE cpu_usage_percent gauge
cpu_usage_percent 12.5
# TYPE memory_usage_percent gauge
memory_usage_percent 50
`, e.sold.Load(), e.failed.Load(), n, n, 2*n, 12*n, 12*n, 12*n, 30*n)
}

// traffic makes calls of every kind until the test ends.
func traffic(t *testing.T, base string) {
	t.Helper()
	c, err := client.New(base, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	t.Cleanup(func() {
		stop()
		callers.Wait()
		c.Close()
	})
	var ids []int64
	for _, capacity := range []int64{100_000, 2} { // the second sells out at once
		concert, err := c.CreateConcert(ctx, sale.NewConcert{Title: "Panels", Date: "2027-05-01", Venue: "Hall", Capacity: capacity})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, concert.ID)
	}
	for _, forever := range []func(context.Context, *client.Client) error{
		func(ctx context.Context, c *client.Client) error { return buy(ctx, c, ids[0], false) },
		func(ctx context.Context, c *client.Client) error { return buy(ctx, c, ids[1], false) },
		func(ctx context.Context, c *client.Client) error { return buy(ctx, c, ids[0], true) },
		browse,
		createAndDelete,
	} {
		callers.Go(func() {
			for ctx.Err() == nil {
				if err := forever(ctx, c); err != nil && ctx.Err() == nil {
					t.Errorf("traffic: %v", err)
					return
				}
				select {
				case <-ctx.Done():
				case <-time.After(watchPause):
				}
			}
		})
	}
}

// buy buys two tickets, and refunds them if they were sold.
func buy(ctx context.Context, c *client.Client, concert int64, deny bool) error {
	outcome, err := c.Buy(ctx, client.BuyRequest{ConcertID: concert, Email: "a@example.com", Quantity: 2, RandomDeny: deny})
	if err != nil && !errors.Is(err, fault.ErrDenied) {
		return err
	}
	if outcome.Status == sale.Sold && deny {
		_, err = c.Refund(ctx, outcome.Purchase.ID)
		return err
	}
	return nil
}

// browse reads the concerts, and one that does not exist.
func browse(ctx context.Context, c *client.Client) error {
	for _, err := range c.Concerts(ctx) {
		if err != nil {
			return err
		}
	}
	if _, err := c.Concert(ctx, 1<<40); !errors.Is(err, sale.ErrNotFound) {
		return err
	}
	return nil
}

// createAndDelete creates an item and deletes it twice; the second call fails.
func createAndDelete(ctx context.Context, c *client.Client) error {
	token, err := c.Token(ctx, "panels")
	if err != nil {
		return err
	}
	who := client.Credentials{Token: token, User: "panels"}
	id, err := c.CreateItem(ctx, who, []byte(`{"name":"panel"}`))
	if err != nil {
		return err
	}
	if err := c.DeleteItem(ctx, who, id); err != nil {
		return err
	}
	if err := c.DeleteItem(ctx, who, id); err == nil {
		return errors.New("an item was deleted twice")
	}
	return nil
}
