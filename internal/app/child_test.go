package app_test

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"onsale/internal/app"
	"onsale/internal/lock"
)

// TestNoWipeWhileAChildOutlivesItsParent: the monitoring process holds the lock of the data
// directory until it has stopped, even if its parent was killed before.
func TestNoWipeWhileAChildOutlivesItsParent(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	up := monitored()
	command, started := up.Child, make(chan string, 1)
	up.Child = func(settings string) *exec.Cmd {
		started <- settings
		return command(settings)
	}
	o.Up = &up
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	settings := <-started
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}

	child := command(settings)
	parent, err := child.StdinPipe() // the child lives until it is closed
	if err != nil {
		t.Fatal(err)
	}
	answer, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	// Once the child serves, it answers the first bytes of an HTTP/2 connection.
	if _, err := io.WriteString(parent, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	if _, err := answer.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.DataDir, "lock")
	if owned, err := lock.Own(path); !errors.Is(err, lock.ErrTaken) {
		t.Errorf("the directory can be wiped while the child uses it: %v %v", owned, err)
	}
	if err := parent.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	owned, err := lock.Own(path)
	if err != nil {
		t.Fatalf("the child has ended, but still holds the directory: %v", err)
	}
	if err := owned.Release(); err != nil {
		t.Error(err)
	}
}
