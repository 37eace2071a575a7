package prom

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// newHandler serves the API behind the gate, and the health and readiness checks.
func newHandler(g *gate, o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", newGuarded(g, o))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Prometheus Server is Healthy.")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !g.isOpen() {
			http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "Prometheus Server is Ready.")
	})
	return mux
}

// gate lets requests through while the API can be served, and counts them.
type gate struct {
	mu     sync.RWMutex
	api    http.Handler    // nil while the gate is closed
	inside *sync.WaitGroup // running requests
	done   context.Context
	cancel context.CancelFunc
}

func (g *gate) isOpen() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.api != nil
}

// open starts to pass requests to the API.
func (g *gate) open(api http.Handler) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.api, g.inside = api, new(sync.WaitGroup)
	g.done, g.cancel = context.WithCancel(context.Background())
}

// close rejects new requests, cancels the running ones and waits for them, at most for
// [patience]. A request that is still running then only waits for its client to read the
// response. Closing a closed gate does nothing.
func (g *gate) close() {
	g.mu.Lock()
	open := g.api != nil
	g.api = nil
	inside, cancel := g.inside, g.cancel
	g.mu.Unlock()
	if !open {
		return
	}
	cancel()
	left := make(chan struct{})
	go func() {
		inside.Wait()
		close(left)
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-left:
	case <-late.C:
	}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.RLock()
	api, inside, done := g.api, g.inside, g.done
	if api != nil {
		inside.Add(1)
	}
	g.mu.RUnlock()
	if api == nil {
		w.Header().Set("Retry-After", "1")
		answerError(w, http.StatusServiceUnavailable, "unavailable", "the monitoring is not ready; retry in a moment")
		return
	}
	defer inside.Done()
	// The request is cancelled when its client disconnects or the gate closes.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-done.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	api.ServeHTTP(w, r.WithContext(ctx))
}

// answerError writes an error in the format of Prometheus.
func answerError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error means that the client has disconnected.
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": kind, "error": message})
}
