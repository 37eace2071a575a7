package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"onsale/internal/server"
	"onsale/internal/stress/api"
)

// TestMetricsServerReservesConnections: the server of a load test answers a scrape while
// other clients hold all its connections.
func TestMetricsServerReservesConnections(t *testing.T) {
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

// TestStressServers: the metrics need no token, and the API needs it. Neither is served after
// Stop.
func TestStressServers(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-the-test"
	log := slog.New(slog.DiscardHandler)
	servers, err := NewStressServers(StressServersOptions{
		MetricsAddr: "127.0.0.1:0", Listen: "127.0.0.1:0", AdminToken: token, Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := servers.ServeMetrics(t.Context(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if err != nil {
		t.Fatal(err)
	}
	control, err := servers.ServeControl(t.Context(), api.NewManager(api.ManagerOptions{Logger: log}))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(url, token string) (status int, err error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			return 0, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		return response.StatusCode, nil
	}
	for _, c := range []struct {
		url, token string
		want       int
	}{
		{metrics + "/metrics", "", http.StatusOK},
		{control + "/stress", token, http.StatusOK},
		{control + "/stress", "another", http.StatusUnauthorized},
	} {
		if status, err := get(c.url, c.token); status != c.want {
			t.Errorf("%s with the token %q: %d, %v, want %d", c.url, c.token, status, err, c.want)
		}
	}
	if err := servers.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for _, url := range []string{metrics + "/metrics", control + "/stress"} {
		if status, err := get(url, token); err == nil {
			t.Errorf("%s answers %d after the stop", url, status)
		}
	}
}
