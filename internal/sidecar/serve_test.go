package sidecar_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/sidecar"
)

// TestAChildThatHangsEndsAfterItsParent expects Serve to return by itself after the end
// of a parent that was killed and cannot kill its child.
func TestAChildThatHangsEndsAfterItsParent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, parent := io.Pipe()
		_, out := io.Pipe()
		release := make(chan struct{})
		began := time.Now()
		ended := make(chan error, 1)
		go func() {
			ended <- sidecar.Serve(t.Context(), sidecar.ChildOptions{
				In: in, Out: out, Handler: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler),
				Run: func(context.Context) error { <-release; return nil },
			})
		}()
		_ = parent.Close() // never fails
		select {
		case err := <-ended:
			if took := time.Since(began); err == nil || took < 10*time.Second {
				t.Errorf("Serve returned %v after %s, want an error, and no earlier than a parent would kill the child", err, took)
			}
		case <-time.After(time.Minute):
			t.Error("Serve did not return within a minute")
		}
		close(release)
	})
}
