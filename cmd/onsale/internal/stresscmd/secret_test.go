package stresscmd_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/cmd/onsale/internal/stresscmd"
	"onsale/internal/endpoint/endpointtest"
)

// TestNoURLShowsItsSecrets passes malformed and well-formed URLs with a secret to every flag
// that takes a URL. No error and no output may contain the secret.
func TestNoURLShowsItsSecrets(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(c *stresscmd.RunCommand, url string){
		"--host":     func(c *stresscmd.RunCommand, url string) { c.Host = url },
		"URL":        func(c *stresscmd.RunCommand, url string) { c.URL = url },
		"--curl":     func(c *stresscmd.RunCommand, url string) { c.Curl = "curl '" + url + "'" },
		"--scenario": func(c *stresscmd.RunCommand, url string) { c.Scenario = url },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpointtest.KeepSecrets(t, func(url string) (string, error) {
				c := parse(t, "--users=1", "--run-time=100ms", "--yes", "--headless", "--no-keep")
				set(c, url)
				return cut(t, c)
			})
		})
	}
}

// cut runs `onsale stress` for a short time without DNS, and returns its output and log.
func cut(t *testing.T, c *stresscmd.RunCommand) (said string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	err = c.Run(ctx, &command.Env{
		Lookup: func(name string) (string, bool) { return "a-token-of-the-test", name == "ONSALE_ADMIN_TOKEN" },
		Stdin:  new(bytes.Buffer), Stdout: &out, Stderr: &out, Resolver: endpointtest.Names(t, nil),
		LogTo: func(io.Writer) *slog.Logger { return log },
	})
	return out.String(), err
}
