package prom

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// newHandler serves the API behind the gate, and whether it is open.
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

// gate is open while there is an API to serve, and knows who is inside.
type gate struct {
	mu     sync.RWMutex
	api    http.Handler // nil while the gate is closed
	inside *sync.WaitGroup
	done   context.Context
	cancel context.CancelFunc
}

func (g *gate) isOpen() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.api != nil
}

// open lets requests through to the API.
func (g *gate) open(api http.Handler) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.api, g.inside = api, new(sync.WaitGroup)
	g.done, g.cancel = context.WithCancel(context.Background())
}

// close turns new requests away, cancels those that are inside and waits for
// them, for [patience] at most: by then one that is left has its answer and only
// waits for a client to read it. Closing twice does no harm.
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
		answerError(w, http.StatusServiceUnavailable, "unavailable", "the monitoring is not ready")
		return
	}
	defer inside.Done()
	// The request ends with its client, and with the API.
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

// answerError answers in the form that Prometheus has for errors.
func answerError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// What is written to somebody who left cannot be told to anybody.
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": kind, "error": message})
}
