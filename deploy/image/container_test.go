//go:build world && linux

package image_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"onsale/internal/dockertest"
)

// patience is how long a container may take for something on a busy machine.
const patience = time.Minute

// container is a running one.
type container struct {
	t  *testing.T
	e  *dockertest.Engine
	id string
}

// run starts a container that may do as little as possible, with flags of docker run before the image
// and arguments of onsale behind it. It is removed after the test.
func run(t *testing.T, e *dockertest.Engine, image string, flags []string, args ...string) *container {
	t.Helper()
	all := append([]string{
		"run", "--detach", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--health-interval", "500ms",
	}, flags...)
	c := &container{t, e, e.Docker(t, append(append(all, image), args...)...)}
	e.Remove(t, "container", c.id)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := e.Command(context.WithoutCancel(t.Context()), "logs", "--tail", "50", c.id).CombinedOutput() // as far as there is any
			t.Logf("the container says:\n%s", out)
		}
	})
	return c
}

// inspect returns a part of what the engine knows of the container.
func (c *container) inspect(format string) string {
	c.t.Helper()
	return c.e.Docker(c.t, "inspect", "--format", format, c.id)
}

// url returns the address that port 8000 is published at.
func (c *container) url() string {
	c.t.Helper()
	address := c.e.Docker(c.t, "port", c.id, "8000/tcp")
	if !strings.HasPrefix(address, "127.0.0.1:") {
		c.t.Fatalf("published at %q, want 127.0.0.1 alone", address)
	}
	return "http://" + address
}

// await waits until the container's health is that.
func (c *container) await(health string) {
	c.t.Helper()
	poll(c.t, "a container that is "+health, func() bool {
		state := c.inspect("{{.State.Status}} {{.State.Health.Status}}")
		if !strings.HasPrefix(state, "running") {
			out, _ := c.e.Command(c.t.Context(), "logs", c.id).CombinedOutput() // as far as there is any
			c.t.Fatalf("the container is %s:\n%s", state, out)
		}
		return state == "running "+health
	})
}

// poll asks until the answer is yes.
func poll(t *testing.T, what string, ask func() bool) {
	t.Helper()
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for deadline := time.Now().Add(patience); !ask(); <-retry.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come within %s", what, patience)
		}
	}
}

// entries returns the files of an image. The content of each can be read until the next.
func entries(t *testing.T, e *dockertest.Engine, image string) iter.Seq2[*tar.Header, io.Reader] {
	t.Helper()
	id := e.Docker(t, "create", image)
	e.Remove(t, "container", id) // it was never started
	return func(yield func(*tar.Header, io.Reader) bool) {
		export := e.Command(t.Context(), "export", id)
		out, err := export.StdoutPipe()
		if err == nil {
			err = export.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(out); ; {
			header, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if !yield(header, r) {
				break
			}
		}
		_, err = io.Copy(io.Discard, out)
		if err := errors.Join(err, export.Wait()); err != nil {
			t.Fatal(err)
		}
	}
}
