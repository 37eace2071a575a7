//go:build linux

// Package dockertest gives tests a Docker Engine. If the test runs as root, it starts a separate engine with
// its own socket, directories and network bridge. That engine changes no firewall rules: published ports reach
// containers through Docker's proxy, and containers cannot connect anywhere. It ends with the test process, even
// if that is killed. Without root, tests use the engine of the docker command.
//
// A missing Docker fails the test; it never skips it.
package dockertest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// commandLimit is the time limit of a docker command. The longest one builds a small image.
const commandLimit = 5 * time.Minute

// Engine is a running Docker Engine. Its methods are safe for concurrent use.
type Engine struct {
	env []string // the environment of docker commands
	tag string   // prefix of the names of this test process
	own bool
}

// Start returns an engine, and ends it after the test.
func Start(tb testing.TB) *Engine {
	tb.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		tb.Fatal("no docker command found: run `make image-test` or `apt-get install docker.io`")
	}
	e := &Engine{env: append(os.Environ(), "DOCKER_BUILDKIT=0"), tag: fmt.Sprintf("onsale-test-%d", os.Getpid())} //nolint:forbidigo // the docker command reads it
	if os.Geteuid() == 0 {
		e.own = true
		e.env = append(e.env, "DOCKER_HOST=unix://"+startDaemon(tb))
	}
	if out, err := e.Run(tb.Context(), "version", "--format", "{{.Server.Version}}"); err != nil {
		tb.Fatalf("no Docker Engine answers; run the test as root, or start an engine: %v", err)
	} else {
		tb.Logf("Docker Engine %s", strings.TrimSpace(out))
	}
	return e
}

// Name returns a name for an image or a container that no other test uses.
func (e *Engine) Name(kind string) string { return e.tag + "-" + kind }

// Command returns a docker command that is not started.
func (e *Engine) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "docker", args...) //nolint:gosec // only tests call it
	cmd.Env = e.env
	return cmd
}

// Environ returns the environment of programs that call the engine, such as Docker Compose.
func (e *Engine) Environ() []string { return slices.Clone(e.env) }

// Own reports whether the engine belongs to the test, which can then give images any name.
func (e *Engine) Own() bool { return e.own }

// Gateway returns the address at which containers reach servers of the test.
func (e *Engine) Gateway(tb testing.TB) string {
	tb.Helper()
	return e.Docker(tb, "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
}

// Run runs a docker command and returns its standard output. The error contains all output.
func (e *Engine) Run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := e.Command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("docker %s: %w\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// Docker runs a docker command that must succeed. It returns the standard output without the
// white space around it.
func (e *Engine) Docker(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := e.Run(tb.Context(), args...)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// Remove removes an image or a container after the test; a container with its volumes.
func (e *Engine) Remove(tb testing.TB, kind, name string) {
	tb.Helper()
	tb.Cleanup(func() {
		args := []string{kind, "rm", "--force"}
		if kind == "container" {
			args = append(args, "--volumes")
		}
		if _, err := e.Run(context.WithoutCancel(tb.Context()), append(args, name)...); err != nil {
			tb.Errorf("dockertest: %v", err)
		}
	})
}
