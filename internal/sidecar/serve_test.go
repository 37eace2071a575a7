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

// TestAChildThatHangsEndsAfterItsParent, which was killed and cannot kill it.
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
		_ = parent.Close() // a pipe of io has no error
		select {
		case err := <-ended:
			if took := time.Since(began); err == nil || took < 10*time.Second {
				t.Errorf("it returned %v after %s: an orderly end may take as long as a parent waits", err, took)
			}
		case <-time.After(time.Minute):
			t.Error("it has not returned within a minute")
		}
		close(release)
	})
}
