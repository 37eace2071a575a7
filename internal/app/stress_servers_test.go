package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"onsale/internal/server"
)

// TestAsideHasAReserve: a scrape of a load test's metrics is answered though others
// hold all connections of its server.
func TestAsideHasAReserve(t *testing.T) {
	t.Parallel()
	var held sync.WaitGroup
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		held.Done()
		<-r.Context().Done()
	})
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") })
	log := slog.New(slog.DiscardHandler)
	servers, err := NewStressServers(StressServersOptions{MetricsAddr: "127.0.0.1:0", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	addr, err := servers.serve(t.Context(), "--metrics-addr", "127.0.0.1:0", []server.Mount{
		{Pattern: "/metrics", Handler: answer}, {Pattern: "/hang", Handler: hang},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	var clients sync.WaitGroup
	t.Cleanup(func() {
		end()
		clients.Wait()
		if err := servers.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) (status int) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr.String()+path, http.NoBody)
		if err != nil {
			return 0
		}
		response, err := client.Do(r)
		if err != nil {
			return 0
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	held.Add(stressConnections)
	for range stressConnections {
		clients.Go(func() { get("/hang") })
	}
	held.Wait()
	if status := get("/metrics"); status != http.StatusOK {
		t.Errorf("/metrics: %d", status)
	}
	if status := get("/hang"); status != http.StatusServiceUnavailable {
		t.Errorf("one more client: %d", status)
	}
}
