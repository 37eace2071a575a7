package app_test

import (
	"context"
	"net/http"
	"testing"

	"onsale/internal/app"
)

// TestMonitorAloneIsGuarded sends `onsale monitor` a query that would need gigabytes of memory.
func TestMonitorAloneIsGuarded(t *testing.T) {
	t.Parallel()
	o := app.DefaultMonitorOptions()
	o.Listen, o.DataDir, o.Targets = "127.0.0.1:0", t.TempDir(), []string{"http://127.0.0.1:1"}
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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.Addr()+"/api/v1/query?query=up%5B1y:1ms%5D", http.NoBody)
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
