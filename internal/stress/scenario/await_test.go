package scenario_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress/scenario"
	"onsale/internal/stress/wire"
)

// TestAwaitWaitsForTargetsThatStart: Await returns as soon as the target is up, and immediately if
// waiting would not help.
func TestAwaitWaitsForTargetsThatStart(t *testing.T) {
	t.Parallel()
	const never = time.Hour
	for name, c := range map[string]struct {
		status int           // until the target is up
		up     time.Duration // when it answers 200
		ready  bool
		took   time.Duration
		waits  int
	}{
		"up":                        {200, 0, true, 0, 0},
		"no answer yet":             {lost, time.Second, true, time.Second, 1},
		"no answer, plain request":  {lost, time.Second, false, time.Second, 1},
		"not ready yet":             {503, time.Second, true, time.Second, 1},
		"busy, plain request":       {503, never, false, 0, 0},
		"without readiness":         {404, never, true, 0, 0},
		"never ready":               {503, never, true, 5 * time.Second, 1},
		"never reachable":           {lost, never, true, 5 * time.Second, 1},
		"no answer at the very end": {lost, 5*time.Second - 1, true, 5 * time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				f := &target{answer: func(request) (int, string) {
					if time.Since(begun) >= c.up {
						return 200, ""
					}
					return c.status, ""
				}}
				waits := 0
				scenario.Await(t.Context(), scenario.Options{Connect: f.connect}, &wire.Request{Method: http.MethodGet, Path: "/ready"},
					c.ready, 5*time.Second, func() { waits++ })
				if took := time.Since(begun); took != c.took || waits != c.waits {
					t.Errorf("Await took %s and announced it %d times, want %s and %d", took, waits, c.took, c.waits)
				}
			})
		})
	}
}

// TestAwaitEndsWithItsContext: Ctrl-C ends the wait.
func TestAwaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := &target{answer: func(request) (int, string) { return lost, "" }}
		begun := time.Now()
		scenario.Await(ctx, scenario.Options{Connect: f.connect}, &wire.Request{Method: http.MethodGet, Path: "/"}, true, time.Hour, cancel)
		if took := time.Since(begun); took != 0 {
			t.Errorf("Await ended %s after its context", took)
		}
	})
}

// TestAwaitWaitsForRealPorts: at first no server listens.
func TestAwaitWaitsForRealPorts(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	o := optionsFor(t, "http://"+address)
	scenario.Await(t.Context(), o, &wire.Request{Method: http.MethodGet, Path: "/ready"}, true, time.Minute, func() {
		again, err := config.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Minute}
		t.Cleanup(func() { server.Close() })
		go func() { _ = server.Serve(again) }()
	})
	if err := scenario.Reach(t.Context(), o, &wire.Request{Method: http.MethodHead, Path: "/"}); err != nil {
		t.Error(err)
	}
}
