package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/internal/app"
)

// healthCmd is `onsale health`: the probe of a container that has neither a shell nor curl.
type healthCmd struct {
	URL     string        `arg:"" optional:"" help:"URL of the server; one with a path is asked as it is. Not given, it is the server of this machine that listens on --listen."`
	Listen  string        `help:"Address that the server was told to listen on, host:port." default:"127.0.0.1:8000"`
	Ready   bool          `help:"Ask /ready, whether the server can sell, instead of /health, whether it lives." env:"-"`
	Timeout time.Duration `help:"How long to wait for the answer, up to 1m." default:"3s" env:"ONSALE_HEALTH_TIMEOUT"`
}

// Help is shown under `onsale health --help`.
func (healthCmd) Help() string {
	return `Asks a server for its health. The exit code is 0 if it answers 200, 1 if it does
not, and 2 for wrong use.`
}

// Run asks once.
func (c *healthCmd) Run(ctx context.Context, e *env) error {
	asked, err := app.Health(ctx, app.HealthOptions{URL: c.URL, Listen: c.Listen, Ready: c.Ready, Timeout: c.Timeout})
	switch {
	case errors.Is(err, app.ErrUnhealthy):
		return err
	case err != nil:
		return &usageError{err}
	}
	fmt.Fprintf(e.stdout, "%s: 200 OK\n", asked)
	return nil
}
